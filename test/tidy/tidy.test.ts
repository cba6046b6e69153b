/** The house rules that a machine can hold: layers, bans, sizes, names, and what must agree with what. */
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FILE_LINES = 320
const FUNCTION_LINES = 75

const filesBelow = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('node_modules'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))

const text = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const sources = [...filesBelow('src'), ...filesBelow('adapters')].filter((file) => file.endsWith('.ts'))
const everything = [
  ...sources,
  ...['test', 'examples', 'bench'].flatMap(filesBelow).filter((file) => file.endsWith('.ts')),
]

/** Modules a file imports, types included. */
const importsOf = (file: string): string[] =>
  [...text(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, module]) => module!)

/** The layers a file may import from, besides its own folder. */
const LAYERS: readonly { files: RegExp; may: RegExp }[] = [
  { files: /^src\/core\//, may: /^(\.\/[\w-]+\.ts|\.\.\/(error|store|host)\.ts)$/ },
  {
    files: /^src\/ledger\//,
    may: /^(\.\/[\w-]+\.ts|\.\.\/core\/[\w-]+\.ts|\.\.\/(error|store|host|pace)\.ts)$/,
  },
  {
    files: /^src\/loops\//,
    may: /^(\.\/[\w-]+\.ts|\.\.\/(core|ledger)\/[\w-]+\.ts|\.\.\/(error|store|host|job|job-source)\.ts|p-limit)$/,
  },
  { files: /^src\/[\w-]+\.ts$/, may: /^(\.\/.*\.ts|mitt|p-limit|ulid|cron-parser|cronstrue)$/ },
  {
    files: /^adapters\//,
    may: /^(\.\.?\/[\w/-]+\.ts|(\.\.\/)+src\/(error|host|pace|store)\.ts|(\.\.\/)+src\/core\/(evaluate|unit|bounds|check|text)\.ts|classic-level|node:.*)$/,
  },
]

describe('layers', () => {
  test.each(sources)('%s imports only what its layer may know', (file) => {
    const { may } = LAYERS.find(({ files }) => files.test(file))!
    expect(importsOf(file).filter((module) => !may.test(module))).toEqual([])
  })

  test('adapters know nothing of jobs', () => {
    for (const file of sources.filter((name) => name.startsWith('adapters/'))) {
      expect(
        importsOf(file).filter((module) => /ledger|loops|queue|worker|job/.test(module)),
        file,
      ).toEqual([])
    }
  })

  test('nothing in src imports a module of Node', () => {
    for (const file of filesBelow('src'))
      expect(
        importsOf(file).filter((module) => module.startsWith('node:')),
        file,
      ).toEqual([])
  })
})

describe('bans', () => {
  const clocks =
    /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|crypto\.)/
  const doors = ['src/host.ts', 'src/testing.ts']

  test('clock, timers and randomness come from the host alone', () => {
    for (const file of sources.filter((name) => !doors.includes(name))) {
      expect(codeOf(file).match(clocks)?.[0], file).toBeUndefined()
    }
  })

  test('only stores read the wall clock', () => {
    for (const file of sources.filter((name) => name.startsWith('src/') && !doors.includes(name))) {
      expect(codeOf(file).includes('.wall('), file).toBe(false)
    }
  })

  test('the core has no async and no promises', () => {
    for (const file of filesBelow('src/core'))
      expect(codeOf(file).match(/\basync\b|\bawait\b|Promise</)?.[0], file).toBeUndefined()
  })

  test('no test is skipped, nothing is left for later', () => {
    const marks = new RegExp(
      String.raw`\b(TO${''}DO|FIX${''}ME|XX${''}X)\b|\b(test|it|describe)\.(only|skip|todo)\(`,
    )
    for (const file of everything) expect(text(file).match(marks)?.[0], file).toBeUndefined()
  })

  test('no path of a machine is in the tree', () => {
    const path = new RegExp(String.raw`(^|[\s'"(\`])/(ho${''}me|ro${''}ot|wo${''}rk|us${''}r)/`)
    const documents = filesBelow('docs').filter((file) => file.endsWith('.md'))
    for (const file of [...everything, 'README.md', 'CHANGELOG.md', ...documents]) {
      expect(text(file).match(path)?.[0], file).toBeUndefined()
    }
  })
})

describe('shape', () => {
  test.each(sources)('%s opens with what it is for', (file) => {
    expect(text(file).startsWith('/**')).toBe(true)
  })

  // A file of tests is a list, and may be as long as there are cases.
  const machinery = everything.filter((file) => !file.endsWith('.test.ts'))
  test.each(machinery)(
    `%s has at most ${FILE_LINES} lines and no function above ${FUNCTION_LINES}`,
    (file) => {
      expect(text(file).split('\n').length).toBeLessThanOrEqual(FILE_LINES)
      expect(longFunctions(file)).toEqual([])
    },
  )

  test('file names say what is inside', () => {
    const vague = everything.filter((file) => /(^|\/)(utils?|helpers?|common|types|misc)\.ts$/.test(file))
    expect(vague).toEqual([])
  })
})

describe('agreement', () => {
  test('the README has a heading for each error code', () => {
    const codes = [...text('src/error.ts').matchAll(/^ {2}\| '([A-Z_]+)'/gm)].map(([, code]) => code!)
    expect(codes.length).toBeGreaterThan(10)
    const readme = text('README.md')
    expect(codes.filter((code) => !readme.includes(`### \`${code}\``))).toEqual([])
  })

  test('every entry of the package is built, and in the order of the README', () => {
    const { exports } = JSON.parse(text('package.json')) as { exports: Record<string, unknown> }
    const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'))
    const built = text('tsdown.config.ts')
    for (const entry of entries) expect(built).toContain(`${entry === '.' ? 'index' : entry.slice(2)}: '`)
  })

  test('decisions are numbered without gaps', () => {
    const numbers = filesBelow('docs/decisions').map((file) =>
      Number(/\/(\d{3})-[a-z0-9-]+\.md$/.exec(file)?.[1]),
    )
    expect(numbers.sort((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1))
  })
})

/** A file without its comments. */
const codeOf = (file: string): string => text(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')

function longFunctions(file: string): string[] {
  const source = ts.createSourceFile(file, text(file), ts.ScriptTarget.Latest, true)
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const lines = lineOf(node.getEnd()) - lineOf(node.getStart()) + 1
      if (lines > FUNCTION_LINES) found.push(`line ${lineOf(node.getStart()) + 1}: ${lines} lines`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
