/**
 * Programs that tests start as processes of their own, made into plain JavaScript beforehand: what is started often should not
 * be compiled at each start, which took a second of a core, and now takes a fifth of one.
 */
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build as bundle } from 'tsdown'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Where `built` leaves its programs; below the root, so that they find its packages. */
const PLACE = join(ROOT, 'dist-test')

const at = (source: string): string => join(ROOT, source)
const PACKAGE = {
  holdfast: at('src/index.ts'),
  'holdfast/testing': at('src/testing.ts'),
  'holdfast/conformance': at('test/conformance/index.ts'),
  'holdfast/memory': at('adapters/memory.ts'),
  'holdfast/level': at('adapters/level.ts'),
  'holdfast/redis': at('adapters/redis.ts'),
}

/**
 * Builds programs into an empty folder, which may be anywhere: each by a name, from a source whose path is absolute or begins
 * at the root of the project. `<folder>/<name>.mjs` is then what `node` runs.
 */
export async function build(sources: Readonly<Record<string, string>>, folder: string): Promise<void> {
  await bundle({
    cwd: ROOT,
    config: false,
    entry: { ...sources },
    outDir: folder,
    clean: false,
    format: 'esm',
    platform: 'node',
    target: 'es2023',
    fixedExtension: true,
    dts: false,
    alias: PACKAGE,
    deps: { neverBundle: ['classic-level', 'ioredis'] },
    // A single program is a single file, which can be put in its place at once.
    outputOptions: { codeSplitting: Object.keys(sources).length > 1 },
    logLevel: 'error',
  })
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
}

const builds = new Map<string, Promise<string>>()

/** The program made of this source, whose path begins at the root of the project: built once by each process that asks. */
export function built(source: string): Promise<string> {
  const before = builds.get(source)
  if (before !== undefined) return before
  const now = buildInPlace(source)
  builds.set(source, now)
  return now
}

/** Others may build it at the same time: it is put in its place as a whole. */
async function buildInPlace(source: string): Promise<string> {
  await mkdir(PLACE, { recursive: true })
  const folder = await mkdtemp(join(PLACE, 'building-'))
  const name = source.slice(0, -'.ts'.length).replaceAll('/', '-')
  await build({ [name]: source }, folder)
  const program = join(PLACE, `${name}.mjs`)
  await rename(join(folder, `${name}.mjs`), program)
  await rm(folder, { recursive: true })
  return program
}
