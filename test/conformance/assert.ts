/**
 * The assertions of the conformance cases: plain functions that throw an error showing what was expected and what
 * was seen, so that the cases run under any test runner. They know no store.
 */

/** How much of a long value an error shows, from shortly before the first difference. */
const SHOWN_CHARACTERS = 400

/** Fails unless both have the same structure and content; `undefined` in an array is told from `null`. */
export function equal(seen: unknown, expected: unknown, what: string): void {
  const seenText = show(seen)
  const expectedText = show(expected)
  if (seenText === expectedText) return
  let same = 0
  while (seenText[same] === expectedText[same]) same++
  const start = Math.max(0, same - SHOWN_CHARACTERS / 4)
  const part = (text: string): string =>
    `${start > 0 ? '…' : ''}${text.slice(start, start + SHOWN_CHARACTERS)}`
  throw new Error(`${what}\n  expected: ${part(expectedText)}\n  seen:     ${part(seenText)}`)
}

/** Fails unless `holds`. */
export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

/** Fails unless the call rejects with this code, and as certainly not applied. */
export async function rejects(call: Promise<unknown>, code: string, what: string): Promise<void> {
  let answer: unknown
  try {
    answer = await call
  } catch (error) {
    const { code: seen, outcome } = error as { code?: unknown; outcome?: unknown }
    if (seen === code && outcome === 'failed') return
    throw new Error(
      `${what}\n  expected: a rejection with code ${code}, outcome failed` +
        `\n  seen:     code ${String(seen)}, outcome ${String(outcome)}: ${String(error)}`,
      { cause: error },
    )
  }
  throw new Error(
    `${what}\n  expected: a rejection with code ${code}\n  seen:     ${show(answer).slice(0, 400)}`,
  )
}

function show(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{ ${members.map(([name, member]) => `${name}: ${show(member)}`).join(', ')} }`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
