/** Who this process is, as far as the runtime says: the default name of workers, and what tells them apart. */
import type { Host } from './host.ts'

interface Runtime {
  readonly process?: {
    readonly pid?: number
    readonly getBuiltinModule?: (id: string) => { hostname(): string } | undefined
  }
}

const HOST_CHARACTERS = 40

/** The machine's name; empty where the runtime does not say. */
export const hostName = (): string =>
  (globalThis as Runtime).process?.getBuiltinModule?.('node:os')?.hostname().slice(0, HOST_CHARACTERS) ?? ''

/** `<host>:<process id>`, or `worker` where there are no processes. */
export function processName(): string {
  const { process } = globalThis as Runtime
  if (process?.pid === undefined) return 'worker'
  const host = process.getBuiltinModule?.('node:os')?.hostname() ?? 'localhost'
  return `${host.slice(0, HOST_CHARACTERS)}:${process.pid}`
}

/** Six letters and digits that tell apart two objects of one name. */
export const randomPart = (host: Host): string =>
  Math.floor(host.random() * 36 ** 6)
    .toString(36)
    .padStart(6, '0')
