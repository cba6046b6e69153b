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

/**
 * 32 bits as six characters. FNV-1a (Fowler, Noll, Vo) over pairs of UTF-16 units instead of bytes, with the
 * finalizer of MurmurHash3 (Appleby): one multiplication for two characters, and every bit of the body counts.
 */
function checksum(body: string): string {
  let hash = 0x811c9dc5 ^ body.length
  const even = body.length & ~1
  for (let i = 0; i < even; i += 2) {
    hash = Math.imul(hash ^ (body.charCodeAt(i) | (body.charCodeAt(i + 1) << 16)), 0x01000193)
    hash ^= hash >>> 15
  }
  if (even < body.length) hash = Math.imul(hash ^ body.charCodeAt(even), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash ^= hash >>> 13
  return String.fromCharCode(
    48 + (hash & 63),
    48 + ((hash >>> 6) & 63),
    48 + ((hash >>> 12) & 63),
    48 + ((hash >>> 18) & 63),
    48 + ((hash >>> 24) & 63),
    48 + (hash >>> 30),
  )
}
