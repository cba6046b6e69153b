/** The demo on a small folder of hostile files, under kill -9 and without. */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { idOf, outputOf } from '../../examples/compress/files.ts'
import { type DemoRun, inspect, killMidway, runDemo } from './demo.ts'

const PLAIN_FILES = 400
const CONCURRENCY = 8
const KILLS = 3

const HOSTILE_NAMES = [
  'with spaces and (brackets).txt',
  'größe-日本語-🎉.txt',
  'a%2Fb:c*d?.txt',
  'new\nline.txt',
  '__proto__',
  '-rf',
  `${'ü'.repeat(120)}.txt`,
  'l'.repeat(255),
  'both',
  'both.gz/inside.gz',
  'both.gz.part/inside',
  `${'deep/'.repeat(40)}file`,
]

let directory = ''
let run: DemoRun

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-demo-'))
  const folder = join(directory, 'folder')
  run = {
    folder,
    out: join(directory, 'out'),
    data: join(directory, 'jobs'),
    concurrency: CONCURRENCY,
    flaky: 0.1,
  }
  const plain = Array.from({ length: PLAIN_FILES }, (_, number) => `part-${number % 7}/${number}.bin`)
  for (const name of [...plain, ...HOSTILE_NAMES]) {
    const path = join(folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, randomBytes(40_000).toString('hex'))
  }
  await writeFile(join(folder, 'empty'), '')
  await symlink(folder, join(folder, 'loop'))
  await symlink('nowhere', join(folder, 'dangling'))
})

afterAll(() => rm(directory, { recursive: true }))

const FILES = PLAIN_FILES + HOSTILE_NAMES.length + 1

test('killed three times midway, the demo ends with every file whole and few done twice', async () => {
  const { kills } = await killMidway(run, KILLS, FILES)
  expect(kills).toBeGreaterThan(0)
  const { files, wrong, repeated } = await inspect(run)
  expect(wrong).toEqual([])
  expect(files).toBe(FILES)
  expect(repeated).toBeLessThanOrEqual(kills * CONCURRENCY)
})

test('started once more, it says that everything is done', async () => {
  const { code, printed } = await runDemo(run)
  expect(printed).toContain('Everything is done already.')
  expect(printed).toContain(`files     ${FILES}`)
  expect(code).toBe(0)
})

test('a file that is not there when its job runs is said, and breaks nothing', async () => {
  const folder = join(directory, 'odd')
  await mkdir(folder)
  await writeFile(join(folder, 'good'), 'good')
  // A name that is no UTF-8 reads as another one, of which there is no file.
  await writeFile(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff])]), 'odd')
  const odd = { ...run, folder, out: join(directory, 'odd-out'), data: join(directory, 'odd-jobs') }
  const { code, printed } = await runDemo(odd)
  expect(code).toBe(0)
  expect(printed).toContain('files     1\n')
  expect(printed).toMatch(/failed {4}1\n {2}ENOENT/)
})

test('a folder that is none is said', async () => {
  const gone = await runDemo({ ...run, folder: join(directory, 'absent') })
  expect(gone).toMatchObject({ code: 1, printed: expect.stringContaining('is not a folder') })
})

test('files of different names never share an output or an id', () => {
  const names = ['a', 'a.gz', 'a.gz/b', 'a.gz.d/b', 'a.gz.d.d/b', 'a.part/b', 'a.gz.part/b', 'a.part.d/b']
  const outputs = names.map((name) => outputOf('/made', '/given', `/given/${name}`))
  expect(new Set(outputs).size).toBe(names.length)
  for (const file of outputs.flatMap((output) => [output, `${output}.part`]))
    expect(
      outputs.some((other) => other.startsWith(`${file}/`)),
      file,
    ).toBe(false)
  expect(idOf(`/${'x'.repeat(300)}a`)).not.toBe(idOf(`/${'x'.repeat(300)}b`))
})
