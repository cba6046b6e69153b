/** What an error of LevelDB means to a caller. It knows messages and codes, nothing else. */
import { type ErrorCode, HoldfastError, type Outcome } from '../../src/error.ts'

/** How systems say that there is no room: codes of Node, texts of LevelDB (`strerror`), and of a browser. */
const FULL =
  /ENOSPC|EDQUOT|EFBIG|no space left|not enough space|quota exceeded|QuotaExceeded|file too large|disk full/i

/** The error for something the database refused. `what` says what was tried and where. */
export function databaseError(what: string, cause: unknown, outcome: Outcome = 'failed'): HoldfastError {
  if (cause instanceof HoldfastError) return cause
  const texts = [...causes(cause)].map(({ code, name, message }) => [code, name, message].join(' '))
  const reason = [...causes(cause)].at(-1)?.message ?? String(cause)
  return new HoldfastError(codeOf(texts.join(' ')), `${what}: ${reason}`, { outcome, cause })
}

function codeOf(text: string): ErrorCode {
  if (FULL.test(text)) return 'STORE_FULL'
  if (text.includes('LEVEL_LOCKED')) return 'STORE_LOCKED'
  return text.includes('LEVEL_CORRUPTION') ? 'STORE_CORRUPT' : 'STORE_FAILED'
}

/** An error and the ones underneath, the innermost last. */
function* causes(error: unknown): Generator<Error & { code?: string }> {
  for (let at = error; at instanceof Error; at = at.cause) yield at
}
