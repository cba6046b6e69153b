/**
 * How a record becomes text: one character for the encoding (`j`, JSON), one for the format version, a checksum,
 * the body. The checksum catches what stores let pass (LevelDB does not check its blocks when it reads them).
 */

const ENCODING = 'j'
const VERSION = '1'
const PREFIX = ENCODING + VERSION
const BODY = PREFIX.length + 6

/** A record that cannot be read: damaged, or written by a newer version. */
export class UnreadableRecord extends Error {
  readonly tooNew: boolean

  constructor(message: string, tooNew: boolean) {
    super(message)
    this.tooNew = tooNew
  }
}

export const seal = (body: string): string => PREFIX + checksum(body) + body

export function unseal(record: string): string {
  if (!record.startsWith(PREFIX)) {
    const known = record[0] === ENCODING && /\d/.test(record[1] ?? '')
    throw new UnreadableRecord(
      known ? `record format ${record[1]} is newer than ${VERSION}` : 'unknown record encoding',
      known,
    )
  }
  const body = record.slice(BODY)
  if (checksum(body) !== record.slice(PREFIX.length, BODY)) {
    throw new UnreadableRecord('the checksum does not match the record', false)
  }
  return body
}

/** 32-bit FNV-1a (Fowler, Noll, Vo) over pairs of UTF-16 units instead of bytes: any one changed unit changes the hash. */
const START = 0x811c9dc5
const PRIME = 0x01000193

function checksum(text: string): string {
  let hash = START
  const pairs = text.length & ~1
  for (let i = 0; i < pairs; i += 2) {
    hash = Math.imul(hash ^ (text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)), PRIME)
  }
  if (pairs < text.length) hash = Math.imul(hash ^ text.charCodeAt(pairs), PRIME)
  return finish(hash ^ text.length)
}

/** The hash as six characters, its bits mixed as at the end of MurmurHash3 (Appleby). */
function finish(hash: number): string {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed ^= mixed >>> 13
  return String.fromCharCode(
    48 + (mixed & 63),
    48 + ((mixed >>> 6) & 63),
    48 + ((mixed >>> 12) & 63),
    48 + ((mixed >>> 18) & 63),
    48 + ((mixed >>> 24) & 63),
    48 + (mixed >>> 30),
  )
}
