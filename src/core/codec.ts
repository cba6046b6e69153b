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

/** 32-bit FNV-1a (Fowler, Noll, Vo) over pairs of UTF-16 units instead of bytes: any one changed unit changes the hash. */
const START = 0x811c9dc5
const PRIME = 0x01000193

/** Of the text from `from` on, its bits mixed as at the end of MurmurHash3 (Appleby). */
function hashOf(text: string, from: number): number {
  let hash = START
  const length = text.length - from
  const pairs = from + (length & ~1)
  for (let i = from; i < pairs; i += 2) {
    hash = Math.imul(hash ^ (text.charCodeAt(i) | (text.charCodeAt(i + 1) << 16)), PRIME)
  }
  if (pairs < text.length) hash = Math.imul(hash ^ text.charCodeAt(pairs), PRIME)
  hash ^= length
  const mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return mixed ^ (mixed >>> 13)
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
