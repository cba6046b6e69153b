/**
 * How a record becomes text: one character for the encoding (`j`, JSON), one for the format version, a checksum,
 * the body. The checksum catches what stores let pass (LevelDB does not check its blocks when it reads them).
 */

const ENCODING = 'j'
const VERSION = '1'
const PREFIX = ENCODING + VERSION
/** Of the checksum. */
const LETTERS = 6
const BODY = PREFIX.length + LETTERS

/** A record that cannot be read: damaged, or written by a newer version. */
export class UnreadableRecord extends Error {
  readonly tooNew: boolean

  constructor(message: string, tooNew: boolean) {
    super(message)
    this.tooNew = tooNew
  }
}

export const seal = (body: string): string => PREFIX + spelled(hashOf(body, 0)) + body

export function unseal(record: string): string {
  if (record[0] !== ENCODING || record[1] !== VERSION) {
    const known = record[0] === ENCODING && /\d/.test(record[1] ?? '')
    throw new UnreadableRecord(
      known ? `record format ${record[1]} is newer than ${VERSION}` : 'unknown record encoding',
      known,
    )
  }
  if (!saysHash(record, hashOf(record, BODY)))
    throw new UnreadableRecord('the checksum does not match the record', false)
  return record.slice(BODY)
}

/** Where texts become bytes; longer ones get room of their own. */
const SCRATCH_BYTES = 64 * 1024
const scratch = new Uint8Array(SCRATCH_BYTES)
const scratchWords = new DataView(scratch.buffer)
const encoder = new TextEncoder()
/** A UTF-16 unit takes at most this many bytes in UTF-8. */
const MOST_BYTES_PER_UNIT = 3
const WORD = 4

/** 32-bit MurmurHash3 (Appleby) of the UTF-8 bytes from `from` on, the last word filled up with zeros: any one changed word changes it. */
function hashOf(text: string, from: number): number {
  const most = text.length * MOST_BYTES_PER_UNIT + WORD
  const bytes = most <= SCRATCH_BYTES ? scratch : new Uint8Array(most)
  const words = bytes === scratch ? scratchWords : new DataView(bytes.buffer)
  const { written } = encoder.encodeInto(text, bytes)
  words.setUint32(written, 0)
  let hash = 0
  for (let at = from; at < written; at += WORD) {
    let word = Math.imul(words.getInt32(at, true), 0xcc9e2d51)
    word = (word << 15) | (word >>> 17)
    hash ^= Math.imul(word, 0x1b873593)
    hash = (hash << 13) | (hash >>> 19)
    hash = Math.imul(hash, 5) + 0xe6546b64
  }
  return finished(hash ^ (written - from))
}

function finished(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** The character of a hash that stands at `at`, of six. */
const letter = (hash: number, at: number): number => 48 + ((hash >>> (6 * at)) & 63)

/** A hash as six characters. */
const spelled = (hash: number): string =>
  String.fromCharCode(
    letter(hash, 0),
    letter(hash, 1),
    letter(hash, 2),
    letter(hash, 3),
    letter(hash, 4),
    letter(hash, 5),
  )

function saysHash(record: string, hash: number): boolean {
  for (let at = 0; at < LETTERS; at++) {
    if (record.charCodeAt(PREFIX.length + at) !== letter(hash, at)) return false
  }
  return true
}
