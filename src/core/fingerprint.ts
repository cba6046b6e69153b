/**
 * Telling payloads apart by 128 bits of text. What two payloads with one fingerprint would do to each other is no more than
 * what two equal ones do, so the hash need not withstand somebody who searches for such pairs: the core stays without
 * cryptography.
 */

/** Of a job's name and data: the same for data that is equal, in whatever order its properties are named. */
export function fingerprint(name: string, data: string): string {
  const body = data === '' ? '' : JSON.stringify(JSON.parse(data.slice(1)), inOrder)
  return murmur128(new TextEncoder().encode(`${JSON.stringify(name)}${body}`))
}

/** For `JSON.stringify`: an object as one whose properties are in the order of their names. */
function inOrder(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const C = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93]
/** How far the product with its constant, and the lane, are rotated; what is added to a lane after each block. */
const TURN = [15, 16, 17, 18]
const LANE_TURN = [19, 17, 15, 13]
const ADDED = [0x561ccd1b, 0x0bcaa747, 0x96cd1c35, 0x32ac3b17]

const LANES = 4

/** MurmurHash3_x86_128 with seed 0 (Appleby, public domain), as 32 hexadecimal digits. */
export function murmur128(bytes: Uint8Array): string {
  const hash = new Uint32Array(LANES)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const whole = bytes.length & ~15
  for (let at = 0; at < whole; at += 16) {
    for (let lane = 0; lane < LANES; lane++) {
      hash[lane]! ^= scrambled(view.getUint32(at + lane * 4, true), lane)
      const sum = (rotated(hash[lane]!, LANE_TURN[lane]!) + hash[(lane + 1) & 3]!) | 0
      hash[lane] = Math.imul(sum, 5) + ADDED[lane]!
    }
  }
  const rest = new Uint32Array(LANES)
  for (let at = whole; at < bytes.length; at++) rest[(at & 15) >> 2]! |= bytes[at]! << ((at & 3) * 8)
  for (let lane = 0; lane < LANES; lane++) hash[lane]! ^= scrambled(rest[lane]!, lane) ^ bytes.length
  addAll(hash)
  for (let lane = 0; lane < LANES; lane++) hash[lane] = mixed(hash[lane]!)
  addAll(hash)
  return Array.from(hash, (lane) => lane.toString(16).padStart(8, '0')).join('')
}

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

const scrambled = (word: number, lane: number): number =>
  Math.imul(rotated(Math.imul(word, C[lane]!), TURN[lane]!), C[(lane + 1) & 3]!)

/** The first lane takes all others, then each of them the first. */
function addAll(hash: Uint32Array): void {
  hash[0]! += hash[1]! + hash[2]! + hash[3]!
  for (let lane = 1; lane < LANES; lane++) hash[lane]! += hash[0]!
}

function mixed(word: number): number {
  let bits = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
