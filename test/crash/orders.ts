/** A launched program's end of the line: the orders it waits for, and how it speaks. Everything is synchronous. */
import { readFileSync, writeSync } from 'node:fs'

const REPORTS = 3

/** Waits for the orders. A program whose parent went away without giving any ends here. */
export function orders(): unknown {
  const text = readFileSync(0, 'utf8')
  if (text === '') process.exit(0)
  return JSON.parse(text)
}

/** Says a line. Once this returns it was said: no kill takes it back. */
export function say(...words: readonly (string | number)[]): void {
  let rest = Buffer.from(`${words.join(' ')}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(REPORTS, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
    }
  }
}
