/**
 * The mutants as a command: `npm run mutants [-- --only <part of a name>]`. It first sees the killers pass on the program as it is, so
 * that what fails on a mutant is the mutant's doing; its last line is how many of how many were killed.
 */
import { parseArgs } from 'node:util'
import pLimit from 'p-limit'
import { mutants } from './index.ts'
import { type Mutant, layerOf, mutate, sourceOf } from './mutant.ts'
import { NO_MUTANT } from './mutation.ts'
import { type Trial, trial } from './trial.ts'

/** Runs of vitest at once. */
const AT_ONCE = 2

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const chosen = mutants.filter(({ name }) => name.includes(values.only))
const limit = pLimit(AT_ONCE)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

for (const mutant of chosen) mutate(mutant, sourceOf(mutant))
const unsound = await soundnessProblems()
for (const problem of unsound) console.log(problem)
if (unsound.length > 0) process.exit(1)

const trials = await Promise.all(chosen.map((mutant) => limit(() => attempt(mutant))))
const killed = trials.filter((one) => one.failed.length > 0).length
console.log(table(chosen.map((mutant, at) => row(mutant, trials[at]!))))
console.log(`${killed} of ${chosen.length}`)
process.exitCode = chosen.length > 0 && killed === chosen.length ? 0 : 1

/** Every killer passes without a mutant, and every name of a test names one. */
async function soundnessProblems(): Promise<string[]> {
  const files = [...new Set(chosen.map(({ caughtBy }) => caughtBy.file))]
  const problems = files.map((file) =>
    limit(async () => {
      const caught = chosen.filter(({ caughtBy }) => caughtBy.file === file)
      const tests = [...new Set(caught.map(({ caughtBy }) => caughtBy.test))]
      const { passed, failed, output } = await trial(NO_MUTANT, file, tests)
      const missing = tests.filter((test) => !passed.some((name) => name.includes(test)))
      if (failed.length === 0 && missing.length === 0) return []
      return [
        ...failed.map((test) => `${file}: "${test}" fails without a mutant`),
        ...missing.map((test) => `${file}: no test "${test}" passed without a mutant`),
        output,
      ]
    }),
  )
  return (await Promise.all(problems)).flat()
}

async function attempt(mutant: Mutant): Promise<Trial> {
  const { file, test } = mutant.caughtBy
  const tried = await trial(mutant.name, file, [test])
  if (tried.failed.length === 0) console.log(`alive: ${mutant.name}\n${tried.output}`)
  return tried
}

function row({ name, why, caughtBy }: Mutant, { failed, seconds }: Trial): string[] {
  const [test] = failed
  const layer = test === undefined ? '-' : layerOf(caughtBy)
  return [name, why, layer, seconds.toFixed(1), test === undefined ? 'ALIVE' : `${caughtBy.file}: ${test}`]
}

function table(rows: readonly (readonly string[])[]): string {
  const all = [['mutant', 'what it breaks', 'layer', 's', 'caught by'], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((cells) => cells[column]!.length)))
  return all
    .map((cells) =>
      cells
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
