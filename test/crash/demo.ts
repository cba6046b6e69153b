/** The demo under kill -9: runs it on a folder, kills it midway, lets it end, and holds every output against its file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { Queue } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { type Place, filesUnder } from '../../examples/compress/files.ts'
import { built } from '../programs/build.ts'

const MAIN = 'examples/compress/main.ts'
const LOOK_EVERY_MS = 50

export interface DemoRun {
  readonly folder: string
  readonly out: string
  readonly data: string
  readonly concurrency: number
  readonly flaky: number
}

export interface Inspection {
  readonly files: number
  /** Files whose output is missing, torn or other than the file, and outputs nobody asked for. */
  readonly wrong: readonly string[]
  /** Runs that were cut off by a kill and done again. */
  readonly repeated: number
  readonly retries: number
}

/** Starts the demo; gives the process and, once it ended, what it printed. */
async function startDemo({ folder, out, data, concurrency, flaky }: DemoRun) {
  const options = [
    '--out',
    out,
    '--data',
    data,
    '--concurrency',
    String(concurrency),
    '--flaky',
    String(flaky),
  ]
  const process_ = spawn(process.execPath, [await built(MAIN), folder, ...options])
  let printed = ''
  process_.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  process_.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const ended = once(process_, 'close').then(([code]) => ({ code: code as number | null, printed }))
  return { process: process_, ended }
}

/** Runs the demo to its end. */
export async function runDemo(run: DemoRun): Promise<{ code: number | null; printed: string }> {
  const { ended } = await startDemo(run)
  return ended
}

/** Kills it at equal parts of the work, unless it is faster than that, then lets it end. */
export async function killMidway(
  run: DemoRun,
  kills: number,
  files: number,
): Promise<{ kills: number; printed: string }> {
  let killed = 0
  for (let kill = 1; kill <= kills; kill++) {
    const demo = await startDemo(run)
    await untilDone(run.out, (files * kill) / (kills + 1), demo.process)
    demo.process.kill('SIGKILL')
    const { code, printed } = await demo.ended
    if (code === null) killed++
    else if (code !== 0) throw new Error(`it ended with ${code}: ${printed}`)
  }
  const { code, printed } = await runDemo(run)
  if (code !== 0) throw new Error(`it ended with ${code}: ${printed}`)
  return { kills: killed, printed }
}

async function untilDone(out: string, files: number, demo: ChildProcess): Promise<void> {
  while (demo.exitCode === null && (await outputsIn(out)).length < files) await sleep(LOOK_EVERY_MS)
}

async function outputsIn(out: string): Promise<string[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

/** Unpacks every output and compares; asks the queue what was done how often. */
export async function inspect({ folder, out, data }: DemoRun): Promise<Inspection> {
  await using store = levelStore(data)
  const queue = new Queue<{ compress: { data: Place } }>('files', { store })
  const wrong: string[] = []
  const outputs = new Set(await outputsIn(out))
  const outputOf = new Map<string, string>()
  let [repeated, retries] = [0, 0]
  for (let at = 0; ; at += 1000) {
    const jobs = await queue.getJobs('completed', at, at + 999, true)
    for (const { data: place, stalledCounter, attemptsMade } of jobs) {
      outputOf.set(place.file, place.output)
      repeated += stalledCounter
      retries += attemptsMade - 1
    }
    if (jobs.length < 1000) break
  }
  let files = 0
  for await (const file of filesUnder(folder, [out, data])) {
    files++
    const output = outputOf.get(file) ?? ''
    const unpacked = await readFile(output).then(gunzipSync, () => undefined)
    if (!outputs.delete(output) || !unpacked?.equals(await readFile(file))) wrong.push(relative(folder, file))
  }
  for (const output of outputs) wrong.push(`unasked for: ${relative(out, output)}`)
  const { ok, problems } = await queue.verify()
  if (!ok) wrong.push(...problems)
  return { files, wrong, repeated, retries }
}
