/**
 * Directories that this process has open, so that none is opened twice. LevelDB's lock does not see to that: within a process it knows
 * a directory by its name, of which there may be several; and where it refuses a second opening it closes the lock's file, whereupon
 * POSIX takes the process's lock away, and another process could open what is open here.
 */

const TAKEN = Symbol.for('holdfast.level.taken')

/** All copies of the package in a program share them. */
function taken(): Set<string> {
  const program = globalThis as { [TAKEN]?: Set<string> }
  return (program[TAKEN] ??= new Set())
}

/** Takes a directory, which is made where there is none, and gives what to give back; `undefined` where it is open here already. */
export async function takeDirectory(path: string): Promise<string | undefined> {
  const { mkdir } = await import('node:fs/promises')
  await mkdir(path, { recursive: true })
  const directory = (await identityOf(path)) ?? path
  if (taken().has(directory)) return undefined
  taken().add(directory)
  if (!(await isOpenHere(path))) return directory
  giveBack(directory)
  return undefined
}

/** For whoever took it and has closed it. */
export function giveBack(directory: string): void {
  taken().delete(directory)
}

/** What a file is under each of its names, also by links and mounts; `undefined` where it is not there, or its file system does not number files. */
async function identityOf(path: string): Promise<string | undefined> {
  const { stat } = await import('node:fs/promises')
  const { dev, ino } = await stat(path, { bigint: true }).catch(() => ({ dev: 0n, ino: 0n }))
  return ino === 0n ? undefined : `${dev}:${ino}`
}

/**
 * Whether another thread, or a database that is no store, has it open: by the handles of this process that hold a lock on its file. Those
 * it inherited hold none. Only Linux tells, and not of threads that open it in the same moment.
 */
async function isOpenHere(path: string): Promise<boolean> {
  const { readdir, readFile } = await import('node:fs/promises')
  const lock = await identityOf(`${path}/LOCK`)
  if (lock === undefined) return false
  const handles = await readdir('/proc/self/fd').catch(() => [])
  const locking = handles.map(async (handle) => {
    if ((await identityOf(`/proc/self/fd/${handle}`)) !== lock) return false
    return (await readFile(`/proc/self/fdinfo/${handle}`, 'utf8')).includes('POSIX')
  })
  return (await Promise.allSettled(locking)).some((one) => one.status === 'fulfilled' && one.value)
}
