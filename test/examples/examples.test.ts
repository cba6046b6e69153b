/** Every example runs in a process and a directory of its own, which is empty, and says what it should. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { build } from '../programs/build.ts'
import { sharedUrl } from '../redis/server.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const env = { ...process.env, TSX_TSCONFIG_PATH: at('tsconfig.json'), NO_COLOR: '1' }

const EXAMPLES = [
  'aging',
  'batches',
  'compress/main',
  'desktop',
  'failures',
  'first',
  'groups',
  'http',
  'limits',
  'many-machines',
  'once',
  'retries',
  'schedules',
  'unit-test',
]

/** Of all examples: each runs in the folder of its name. */
let directory = ''
let programs = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-examples-'))
  programs = join(directory, 'programs')
  await build(Object.fromEntries(EXAMPLES.map((name) => [name, `examples/${name}.ts`])), programs)
  for (const name of EXAMPLES) await mkdir(join(directory, name), { recursive: true })
})
afterAll(() => rm(directory, { recursive: true }))

class Run {
  printed = ''
  readonly process: ChildProcess
  readonly ended: Promise<number | null>

  constructor(example: string, args: readonly string[] = [], program = [join(programs, `${example}.mjs`)]) {
    this.process = spawn(process.execPath, [...program, ...args], { cwd: join(directory, example), env })
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.printed += text))
    this.ended = once(this.process, 'close').then(([code]) => code as number | null)
  }

  async prints(text: string): Promise<void> {
    while (!this.printed.includes(text)) {
      if (this.process.exitCode !== null)
        throw new Error(`it ended without printing ${text}: ${this.printed}`)
      await sleep(10)
    }
  }
}

test('every example has a test here', async () => {
  const there = (await readdir(at('examples'))).map((name) =>
    name === 'compress' ? 'compress/main.ts' : name,
  )
  expect(there.sort()).toEqual(EXAMPLES.map((name) => `${name}.ts`))
})

describe.concurrent('example', () => {
  test('first: adds a job, runs it, and ends by itself', async () => {
    // This one as its first lines say, by a loader; the others are built, as they would wait for the loader longer than they run.
    const run = new Run('first', [], ['--import', import.meta.resolve('tsx'), at('examples/first.ts')])
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed).toBe('welcome: sent to ada@example.com\n')
  })

  test('retries: tries again as it is told to, and gives up where there is no point', async () => {
    const run = new Run('retries')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed.trim().split('\n').sort()).toEqual([
      '/busy: 200 at attempt 3',
      '/busy: 429 Too Many Requests, will be tried again',
      '/busy: 503 Service Unavailable, will be tried again',
      '/gone: 410 Gone, UNRECOVERABLE',
    ])
  })

  test('http: waits as the server says, and tries a shaky line again within the attempt', async () => {
    const run = new Run('http')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed.trim().split('\n').sort()).toEqual([
      '/busy: 200 at attempt 2, call 2',
      '/busy: 429 Too Many Requests, will be tried again when the server said',
      '/nowhere: 404 Not Found, UNRECOVERABLE',
      '/shaky: 200 at attempt 1, call 3',
    ])
  })

  test('groups: a customer with one mail does not wait for one with a thousand', async () => {
    const run = new Run('groups')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed).toBe('the small customer was served after a few mails\n1001 mails, 0 wait\n')
  })

  test('aging: what waits has its turn, whatever is more urgent', async () => {
    const run = new Run('aging')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed).toBe('the free one was served after about ten minutes\n')
  })

  test('batches: one call has many jobs, and a bad one fails alone', async () => {
    const run = new Run('batches')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed.trim().split('\n')).toEqual([
      'one call writes 4 rows',
      'row 1: -1 is less than nothing',
      'one call writes 2 rows',
      '6 rows are written',
    ])
  })

  test('failures: a dead letter is looked at and sent back, and a job that runs is cancelled', async () => {
    const run = new Run('failures')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed.trim().split('\n')).toEqual([
      'payments:rent: the bank is down',
      'sent back: 1, rent is completed',
      'slow: CANCELLED, paid by card',
      'redrive by ada: the bank is up',
    ])
  })

  test('limits: keeps to a rate, and waits where a service asks for it', async () => {
    const run = new Run('limits')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed.trim().split('\n')).toEqual([
      '12 calls took more than a second: true',
      'the one that met a 429 was tried 1 time',
    ])
  })

  test('schedules: a missed report is made once, then at its time, then by hand', async () => {
    const run = new Run('schedules')
    expect(await run.ended, run.printed).toBe(0)
    const lines = run.printed.trim().split('\n')
    expect(lines[0]).toBe('the next run will be at 2026-03-03T08:00:00.000Z')
    expect(lines.slice(1, 3)).toEqual(
      ['2026-03-04T08:00Z', '2026-03-05T08:00Z'].map((at) => `sales at sched:daily:${Date.parse(at)}`),
    )
    expect(lines[3]).toMatch(/^sales at sched:daily:\d+:\w+$/)
    expect(lines.slice(4)).toEqual(['by hand: completed', '2 runs, 1 missed'])
  })

  test('unit-test: three days pass at once', async () => {
    const run = new Run('unit-test')
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed).toMatch(/pass 2/)
    expect(run.printed).toMatch(/fail 0/)
  })

  test('desktop: one copy runs, it ends when told to, and goes on at the next start', async () => {
    const app = new Run('desktop')
    await app.prints('thumbnail of dog.jpg')
    const second = new Run('desktop')
    expect(await second.ended).toBe(1)
    expect(second.printed).toContain(
      `It is running already. ./data/desktop is open already, by process ${app.process.pid}`,
    )
    app.process.kill('SIGTERM')
    expect(await app.ended, app.printed).toBe(0)
    expect(app.printed).toContain('goodbye, 1 left for the next start')

    const again = new Run('desktop')
    await again.prints('started')
    again.process.kill('SIGINT')
    expect(await again.ended, again.printed).toBe(0)
    expect(again.printed).toBe('started\ngoodbye, 1 left for the next start\n')
  })

  test('compress: the demo takes a folder from beginning to end', async () => {
    const run = new Run('compress/main', [at('examples'), '--flaky', '0.2'])
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed).toMatch(/files {5}\d+\n/)
    expect(await readdir(join(directory, 'compress/main/.demo/out/compress'))).toContain('main.ts.gz')
  })

  test('many-machines: what one process adds another runs, by Redis', async () => {
    const run = new Run('many-machines', [sharedUrl()])
    expect(await run.ended, run.printed).toBe(0)
    expect(run.printed.trim().split('\n').sort()).toEqual([
      'the producer sees: small cat.jpg, small dog.jpg, small fox.jpg',
      'the worker made: small cat.jpg',
      'the worker made: small dog.jpg',
      'the worker made: small fox.jpg',
    ])
  })

  test('once: makes one job of what arrives more than once, and finds it', async () => {
    const run = new Run('once')
    expect(await run.ended, run.printed).toBe(0)
    const lines = run.printed.trim().split('\n')
    expect(lines.toSorted()).toEqual([
      'ada: charge',
      'another amount: IDEMPOTENCY_CONFLICT',
      'charged order 7',
      'delivery evt_1: known',
      'delivery evt_1: known',
      'delivery evt_1: new',
      'indexed home, version 3',
    ])
  })
})
