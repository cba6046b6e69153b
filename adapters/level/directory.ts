/**
 * What the LevelDB store does with the files of a database given by its path: opening it by classic-level, saying
 * who holds it, and reading what LevelDB itself wrote down. Only here Node is needed, and asked for at first use.
 */
import { HoldfastError } from '../../src/error.ts'
import type { LevelDatabase } from './database.ts'
import { databaseError } from './failure.ts'

/** LevelDB leaves files alone whose names it does not know. */
const HOLDER_FILE = 'HOLDER'
/**
 * What LevelDB gathers in memory, and in its log, before it sorts it into files. Twice its default: a job's keys come and
 * go many times, and fewer, larger files made cycles of 100 jobs 15 % faster; 16 MiB gained no more than noise.
 */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024
/** How LevelDB says in its `LOG` that it left out part of what it recovered. */
const DROPPED = /dropping \d+ bytes|ignoring error/i

interface Holder {
  readonly pid: number
  readonly host: string
  readonly since: string
}

/** The database of a directory, not open yet. */
export async function classicLevel(path: string): Promise<LevelDatabase> {
  try {
    const { ClassicLevel } = await import('classic-level')
    return new ClassicLevel(path, { writeBufferSize: WRITE_BUFFER_BYTES })
  } catch (error) {
    throw databaseError(`classic-level, which opens ${path}, cannot be loaded`, error)
  }
}

/** What LevelDB dropped while it opened this directory. It begins a new `LOG` at each open. */
export async function droppedAtOpen(path: string): Promise<string[]> {
  const { readFile } = await import('node:fs/promises')
  const log = await readFile(`${path}/LOG`, 'utf8').catch(() => '')
  return log.split('\n').filter((line) => DROPPED.test(line))
}

/** Leaves word who has the directory open, for the message of those who find it locked. It is no lock. */
export async function nameHolder(path: string, since: number): Promise<void> {
  const { writeFile } = await import('node:fs/promises')
  const holder = { ...(await thisProcess()), since: new Date(since).toISOString() } satisfies Holder
  await writeFile(`${path}/${HOLDER_FILE}`, `${JSON.stringify(holder)}\n`).catch(() => {})
}

export async function forgetHolder(path: string): Promise<void> {
  const { rm } = await import('node:fs/promises')
  await rm(`${path}/${HOLDER_FILE}`, { force: true }).catch(() => {})
}

/** Why the directory could not be opened. */
export async function openError(path: string, cause: unknown): Promise<HoldfastError> {
  const error = databaseError(`${path} cannot be opened`, cause)
  if (error.code === 'STORE_LOCKED') return lockedError(path, cause)
  if (error.code === 'STORE_CORRUPT') {
    return new HoldfastError(
      'STORE_CORRUPT',
      `${error.message}. Restore a backup, or let \`ClassicLevel.repair()\` save what it can`,
      { cause },
    )
  }
  if (/EEXIST|ENOTDIR/.test(error.message)) {
    const message = `${path}, or a part of it, is a file: a LevelDB store is a directory of its own`
    return new HoldfastError('STORE_FAILED', message, { cause })
  }
  return error
}

export async function lockedError(path: string, cause?: unknown): Promise<HoldfastError> {
  const message = `${path} is open already, by ${await holderOf(path)}: ${ONE_PROCESS}`
  return new HoldfastError('STORE_LOCKED', message, { cause })
}

const ONE_PROCESS =
  'a LevelDB directory belongs to one store at a time; close the other one, or share its store'

async function holderOf(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  try {
    const holder: Holder = JSON.parse(await readFile(`${path}/${HOLDER_FILE}`, 'utf8'))
    const here = await thisProcess()
    const since = `since ${holder.since}`
    if (holder.host !== here.host) return `process ${holder.pid} on ${holder.host} ${since}`
    return holder.pid === here.pid ? `this process ${since}` : `process ${holder.pid} ${since}`
  } catch {
    return 'another process or another part of this one'
  }
}

async function thisProcess(): Promise<{ pid: number; host: string }> {
  const { pid } = await import('node:process')
  const { hostname } = await import('node:os')
  return { pid, host: hostname() }
}
