/** What the documents say is so: their examples run and type-check, their tables and diagram agree with the code. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Job, Queue, Worker } from 'holdfast'
import type { FailedCode, JobContext, WorkerEvents } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as bounds from '../../src/core/bounds.ts'
import { LIFECYCLE } from '../../src/core/lifecycle.ts'
import { HoldfastError } from '../../src/error.ts'
import type { QueueEvents } from '../../src/event-maps.ts'
import type { Store } from '../../src/store.ts'
import { build } from '../programs/build.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCUMENTS = ['README.md', 'CHANGELOG.md', ...markdownBelow('docs')]
const readme = textOf('README.md')

/** A block of TypeScript in a document, and whether it is marked to be run. */
interface Example {
  readonly file: string
  readonly code: string
  readonly runs: boolean
}

const examples = DOCUMENTS.flatMap((document) =>
  [...textOf(document).matchAll(/(<!-- runs -->\n)?```ts\n([\s\S]*?)```/g)].map(
    ([, mark, code], index): Example => ({
      file: `${document.replaceAll(/\W+/g, '-')}-${index + 1}.ts`,
      code: code!,
      runs: mark !== undefined,
    }),
  ),
)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-readme-'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  // Stands for the rest of a program, which goes on until it is told to stop.
  await writeFile(
    join(folder, 'rest.mjs'),
    `const rest = setInterval(() => {}, 1000)\nprocess.once('SIGTERM', () => clearInterval(rest))\n`,
  )
  for (const { file, code } of examples) await writeFile(join(folder, file), code)
  const running = examples.filter(({ runs }) => runs).map(({ file }) => file)
  await build(Object.fromEntries(running.map((file) => [nameOf(file), join(folder, file)])), folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('examples', () => {
  test('there are some', () => {
    expect(examples.filter(({ runs }) => runs).length).toBeGreaterThanOrEqual(3)
  })

  test.concurrent.each(examples.filter(({ runs }) => runs))(
    '$file runs and prints what it says',
    async (example) => {
      const wanted = [...example.code.matchAll(/\/\/ prints: (.*)$/gm)].map(([, line]) => line!)
      const { printed, complained, code } = await run(example, wanted)
      if (wanted.length > 0) expect(printed.trim().split('\n')).toEqual(wanted)
      expect({ code, complained }).toEqual({ code: 0, complained: '' })
    },
  )

  test('all of them type-check', () => {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (file) => ts.sys.readFile(file))
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, ROOT)
    const typeRoots = [join(ROOT, 'node_modules/@types')]
    const files = examples.map(({ file }) => join(folder, file))
    const program = ts.createProgram(files, { ...options, typeRoots })
    const found = files.flatMap((file) => {
      const source = program.getSourceFile(file)
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    })
    const host = { getCanonicalFileName: String, getCurrentDirectory: () => folder, getNewLine: () => '\n' }
    expect(ts.formatDiagnostics(found, host)).toBe('')
  })
})

describe('the diagram', () => {
  const fromTable = Object.entries(LIFECYCLE).flatMap(([event, { from, to }]) =>
    from.flatMap((before) => to.map((after) => `${before} --> ${after}: ${event}`)),
  )

  test('has the transitions of the lifecycle, each once', () => {
    const drawn = [...readme.matchAll(/^ +(\S+) --> (\S+): (\w+)$/gm)].map(
      ([, from, to, event]) => `${stateNamed(from!, 'new')} --> ${stateNamed(to!, 'gone')}: ${event}`,
    )
    expect(drawn.toSorted()).toEqual(fromTable.toSorted())
  })

  test('is told with the counters that rise', () => {
    const counted = [
      ...sectionOf('States').matchAll(/((?:`\w+`(?: and )?)+) count in `(\w+)`|`(\w+)` in `(\w+)`/g),
    ].flatMap(([, events, counter, event, other]) =>
      [...(events ?? event!).matchAll(/\w+/g)]
        .filter(([name]) => name !== 'and')
        .map(([name]) => [name, counter ?? other]),
    )
    const rising = Object.entries(LIFECYCLE).filter(([, { counts }]) => counts !== undefined)
    expect(Object.fromEntries(counted)).toEqual(
      Object.fromEntries(rising.map(([event, { counts }]) => [event, counts])),
    )
  })
})

describe('tables', () => {
  const store = memoryStore()

  test('of job options', async () => {
    const queue = new Queue('docs', { store })
    const known = await optionsNamedBy(() => queue.add('job', 1, { nothing: 1 } as object))
    expect(rowsOf('Job options').toSorted()).toEqual(known.toSorted())
    expect(() => new Queue('docs', { store, defaultJobOptions: { jobId: 'a' } as object })).toThrow(
      /no option/,
    )
  })

  test('of worker options', async () => {
    const known = await optionsNamedBy(() => new Worker('docs', () => 1, { store, nothing: 1 } as never))
    expect(rowsOf('Worker options').toSorted()).toEqual(known.toSorted())
  })

  test('of methods', () => {
    expect(rowsOf('Queue methods').toSorted()).toEqual(methodsOf(Queue))
    expect(rowsOf('Jobs').toSorted()).toEqual(methodsOf(Job))
    expect(rowsOf('Worker methods').toSorted()).toEqual(methodsOf(Worker))
  })

  test('of the fields of a job', async () => {
    const queue = new Queue('docs', { store })
    const [told = ''] = /^Fields: [^:]*\./m.exec(sectionOf('Jobs')) ?? []
    expect(codesIn(told).toSorted()).toEqual(Object.keys((await queue.add('job', 1)).toJSON()).toSorted())
  })

  test('of events', () => {
    expect(rowsOf('Worker events').toSorted()).toEqual(Object.keys(WORKER_EVENTS).toSorted())
    const ofQueues = /^\| `on`.*$/m.exec(sectionOf('Queue methods'))![0].split('|')[2]!
    expect(codesIn(ofQueues).toSorted()).toEqual(Object.keys(QUEUE_EVENTS).toSorted())
  })

  test("of a handler's context", () => {
    expect(rowsOf('Handler context').toSorted()).toEqual(Object.keys(CONTEXT).toSorted())
  })

  test('of the members of a store', () => {
    const section = readme.slice(readme.indexOf('# For authors of stores'))
    const told = [...section.matchAll(/^\| `(\w+)/gm)].map(([, name]) => name!)
    expect([...told, 'skewMs'].toSorted()).toEqual(Object.keys(STORE).toSorted())
  })

  test('of bounds', () => {
    for (const [what, most] of LIMITS) expect(readme).toContain(`| ${what} | ${most} |`)
    for (const told of [
      `| \`priority\` | 0 | 0 to ${count(bounds.PRIORITY_MOST)}`,
      `| \`removeOnComplete\` | \`{ count: ${bounds.COMPLETED_KEPT} }\``,
      `| \`removeOnFail\` | \`{ count: ${bounds.FAILED_KEPT} }\``,
      `| \`keepLogs\` | ${bounds.LOG_LINES} | newest log lines kept, 0 to ${bounds.LOG_LINES_MOST}`,
      `| \`concurrency\` | 1 | handlers at once, up to ${count(bounds.CONCURRENCY_MOST)}`,
      `any text of 1 to ${bounds.JOB_ID_BYTES} bytes`,
      `up to ${bounds.METADATA_BYTES / 1024} KiB as JSON`,
      `the newest ${bounds.HISTORY_ENTRIES}:`,
      `at most ${bounds.UNIT_OPERATIONS} operations`,
      `${bytes(bounds.UNIT_BYTES)} of text, a record ${bytes(bounds.VALUE_BYTES)}, a key, lane or id ${bytes(bounds.KEY_BYTES)}`,
    ])
      expect(readme.replaceAll('\n', ' ')).toContain(told)
  })
})

describe('words', () => {
  test('every error code has a heading and says something, and no other heading looks like one', () => {
    const codes = [...textOf('src/error.ts').matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code!)
    const headings = [...readme.matchAll(/^### `([A-Z_]+)`\n+(?=[\w`])/gm)].map(([, code]) => code!)
    expect(headings).toEqual(codes)
  })

  test('every failedCode is told', () => {
    const told = /^`failedCode` says[\s\S]*?\n\n/m.exec(readme)![0]
    expect(codesIn(told)).toEqual(expect.arrayContaining(Object.keys(FAILED_CODES)))
  })

  test.each(DOCUMENTS)('%s links to what is there', (document) => {
    const anchors = [...readme.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    for (const [, target] of textOf(document).matchAll(/\]\((?!https:)([^)]+)\)/g)) {
      if (target!.startsWith('#')) expect(anchors).toContain(target!.slice(1))
      else expect(existsSync(join(ROOT, document, '..', target!)), target).toBe(true)
    }
  })

  test('every script of the package that is told is there', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }
    const told = DOCUMENTS.flatMap((document) => [...textOf(document).matchAll(/npm run ([\w:-]+)/g)])
    expect(told.map(([, script]) => script!).filter((script) => !(script in scripts))).toEqual([])
  })
})

/** Complete because they would not compile otherwise. */
const WORKER_EVENTS: Record<keyof WorkerEvents<never>, true> = {
  active: true,
  progress: true,
  completed: true,
  failed: true,
  cancelled: true,
  stalled: true,
  'retries-exhausted': true,
  lockLost: true,
  deadLetterDepth: true,
  drained: true,
  paused: true,
  resumed: true,
  error: true,
  closing: true,
  closed: true,
}
const QUEUE_EVENTS: Record<keyof QueueEvents<never>, true> = {
  waiting: true,
  cancelled: true,
  failed: true,
  deduplicated: true,
  removed: true,
  cleaned: true,
  paused: true,
  resumed: true,
  error: true,
}
const CONTEXT: Record<keyof JobContext, true> = {
  signal: true,
  signalOf: true,
  token: true,
  attempt: true,
  fence: true,
  log: true,
}
const FAILED_CODES: Record<FailedCode, true> = {
  STALLED: true,
  TIMEOUT: true,
  UNRECOVERABLE: true,
  ATTEMPTS_EXHAUSTED: true,
  UNREADABLE: true,
  SCHEMA_MISMATCH: true,
  NO_HANDLER: true,
  CANCELLED: true,
  EXPIRED: true,
}
const STORE: Record<Exclude<keyof Store, symbol>, true> = {
  ready: true,
  read: true,
  scan: true,
  count: true,
  commit: true,
  watch: true,
  now: true,
  skewMs: true,
  host: true,
  durability: true,
  epoch: true,
  close: true,
}

const count = (value: number): string => value.toLocaleString('en')
const bytes = (value: number): string => `${count(value)} bytes`
const LIMITS = [
  ['data, result or progress, as encoded', bytes(bounds.PAYLOAD_BYTES)],
  ['depth of data', `${bounds.PAYLOAD_DEPTH} levels`],
  ['job name', `${bounds.JOB_NAME_CHARACTERS} characters`],
  ['queue name, worker name, id of a schedule', bytes(bounds.NAME_BYTES)],
  ['cron pattern', `${bounds.PATTERN_CHARACTERS} characters`],
  ['log line (cut)', bytes(bounds.LOG_LINE_BYTES)],
  ['error in history, with its stack (cut)', bytes(bounds.ERROR_BYTES)],
  ['`failedReason` (cut)', bytes(bounds.REASON_BYTES)],
] as const

function textOf(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

function markdownBelow(where: string): string[] {
  return readdirSync(join(ROOT, where), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length).replaceAll('\\', '/'))
}

/** What stands below a heading of the README, up to the next one. */
function sectionOf(heading: string): string {
  const [, section] = new RegExp(`^#+ ${heading}\\n([\\s\\S]*?)^#`, 'm').exec(readme) ?? []
  return section ?? ''
}

/** The names that the rows of a section's table begin with; a row may have several. */
const rowsOf = (heading: string): string[] =>
  [...sectionOf(heading).matchAll(/^\| (`[^|]*) \|/gm)].flatMap(([, cell]) => codesIn(cell!))

/** The names in code: of `close({ timeout? })`, `close`. */
const codesIn = (text: string): string[] => [...text.matchAll(/`([\w-]+)[^`]*`/g)].map(([, name]) => name!)

/** What a class has, without what only the runtime calls. */
/** Marked as internal where they are defined. */
const INTERNAL = [
  'constructor',
  'join',
  'part',
  'apart',
  'schedule',
  'scheduleIdFor',
  'open',
  'assertOpen',
  'assertElsewhere',
  'encode',
  'job',
  'adopt',
  'show',
]

/** Methods of a class and of those it is built on. */
function methodsOf(type: { prototype: object }): string[] {
  const names = new Set<string>()
  for (let at = type.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object)
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
      if (value !== undefined) names.add(name)
  return [...names].filter((name) => !INTERNAL.includes(name)).toSorted()
}

const stateNamed = (drawn: string, edge: string): string =>
  drawn === '[*]' ? edge : drawn.replaceAll('_', '-')

/** The names that the refusal of an unknown option tells. */
async function optionsNamedBy(misuse: () => unknown): Promise<string[]> {
  try {
    await misuse()
  } catch (error) {
    if (error instanceof HoldfastError) return error.message.split('it has ')[1]!.split(', ')
  }
  throw new Error('an unknown option was taken')
}

const nameOf = (file: string): string => file.slice(0, -'.ts'.length)

interface Ran {
  readonly printed: string
  readonly complained: string
  readonly code: number | null
}

/** Runs an example in its folder; one that waits for SIGTERM is sent it when it has printed all it should. */
function run({ file, code }: Example, wanted: readonly string[]): Promise<Ran> {
  const stays = code.includes('SIGTERM')
  const rest = stays ? ['--import', './rest.mjs'] : []
  const child: ChildProcess = spawn(process.execPath, [...rest, `${nameOf(file)}.mjs`], {
    cwd: folder,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  })
  let printed = ''
  let complained = ''
  child.stdout!.on('data', (chunk) => {
    printed += chunk
    if (stays && printed.trim().split('\n').length === wanted.length) child.kill('SIGTERM')
  })
  child.stderr!.on('data', (chunk) => {
    complained += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exit) => resolve({ printed, complained, code: exit }))
  })
}
