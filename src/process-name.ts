/** Who this process is, as far as the runtime says: the default name of workers. */
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
