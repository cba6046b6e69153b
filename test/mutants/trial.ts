/** One run of vitest under the switch, in a process of its own: which of the named tests passed and which failed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathOf } from './mutant.ts'
import { MUTANT_VARIABLE } from './mutation.ts'

/** Within this a mutant must be noticed. */
const LIMIT_MS = 60_000

export interface Trial {
  readonly passed: readonly string[]
  readonly failed: readonly string[]
  readonly seconds: number
  /** What it said; for a run in which no test passed or failed. */
  readonly output: string
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

const running = new Set<ChildProcess>()
process.on('exit', () => running.forEach(end))

/** Runs the tests of a file whose names contain one of these texts, and no more of them after the first that fails. */
export async function trial(mutant: string, file: string, tests: readonly string[]): Promise<Trial> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-mutant-'))
  const report = join(directory, 'report.json')
  const began = performance.now()
  try {
    const output = await vitest(mutant, [
      `test/${file}`,
      ...['--testNamePattern', tests.map(literally).join('|')],
      ...['--bail', '1', '--reporter', 'json', '--outputFile', report],
    ])
    const seconds = (performance.now() - began) / 1000
    const text = await readFile(report, 'utf8').catch(() => '{"testResults":[]}')
    const results = (JSON.parse(text) as Report).testResults.flatMap((one) => one.assertionResults)
    const named = (status: string): string[] =>
      results.filter((one) => one.status === status).map(({ fullName }) => fullName)
    return { passed: named('passed'), failed: named('failed'), seconds, output }
  } finally {
    await rm(directory, { recursive: true })
  }
}

const literally = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

function vitest(mutant: string, args: readonly string[]): Promise<string> {
  // Without what a vitest around this one tells its own processes.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))
  const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...args], {
    cwd: pathOf(''),
    env: { ...Object.fromEntries(inherited), [MUTANT_VARIABLE]: mutant },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that its processes end with it.
    detached: true,
  })
  running.add(child)
  let output = ''
  const limit = setTimeout(() => {
    output += `ended, as it took more than ${LIMIT_MS} ms`
    end(child)
  }, LIMIT_MS)
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', () => {
      clearTimeout(limit)
      running.delete(child)
      resolve(output)
    })
  })
}

function end({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
