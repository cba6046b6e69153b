/** Which files there are, what their jobs are called, and where their outputs go. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { opendir, rm } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'

/** Where a file is and where its compressed copy goes. */
export interface Place {
  file: string
  output: string
}

/** The longest file name and path to be made; systems allow 255 and 4,096 bytes, and a temporary name is longer. */
const NAME_BYTES = 200
const PATH_BYTES = 3500
/** The longest id a job may have, as escaped: three bytes for each one that is not plain. */
const ID_BYTES = 256

/** Every regular file below a folder. Links are not followed; folders that cannot be read or vanish are passed over. */
export async function* filesUnder(folder: string, except: readonly string[]): AsyncGenerator<string> {
  const entries = await opendir(folder).catch(() => [])
  for await (const entry of entries) {
    const path = join(folder, entry.name)
    if (except.includes(path)) continue
    if (entry.isDirectory()) yield* filesUnder(path, except)
    else if (entry.isFile()) yield path
  }
}

/** A job's id is the path of its file, so that no file gets a second job. */
export function idOf(path: string): string {
  const escaped = path.length + 2 * Buffer.byteLength(path.replaceAll(/[\w.-]/g, ''))
  return escaped <= ID_BYTES ? path : hashOf(path)
}

/** No two files share an output: files end in `.gz` there and folders never do. Names that are too long become hashes. */
export function outputOf(out: string, folder: string, file: string): string {
  const segments = relative(folder, file).split(sep)
  const parents = segments.slice(0, -1).map((segment) => segment.replace(/\.(gz|part)(\.d)*$/, '$&.d'))
  const output = join(out, ...parents, `${basename(file)}.gz`)
  const tooLong = Buffer.byteLength(output) > PATH_BYTES || Buffer.byteLength(basename(file)) > NAME_BYTES
  return tooLong ? join(out, `${hashOf(file)}.gz`) : output
}

const hashOf = (path: string): string => createHash('sha256').update(path).digest('hex')

export async function* inGroups<One>(all: AsyncIterable<One>, size: number): AsyncGenerator<One[]> {
  let group: One[] = []
  for await (const one of all) {
    group.push(one)
    if (group.length < size) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

/** Deletes the jobs of earlier runs; nothing that is no database. */
export async function forgetJobs(data: string): Promise<void> {
  if (existsSync(join(data, 'CURRENT'))) await rm(data, { recursive: true })
}
