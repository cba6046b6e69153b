/**
 * Redis and Valkey servers of the tests' own: each on a free port of the loopback interface with a directory of its own,
 * ended by its process id. It knows nothing of queues, and never touches a server that it did not start.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Settings of `redis.conf`, such as `{ appendonly: 'yes' }`. */
export type Settings = Readonly<Record<string, string>>

/** The settings of a server that acknowledges only what is on its disk. */
export const ON_DISK: Settings = { appendonly: 'yes', appendfsync: 'always' }

const NO_SERVER =
  'the tests of the Redis store need redis-server: sudo apt-get install redis-server, or brew install redis'

const PROGRAMS = ['valkey-server', 'redis-server'] as const

/** How long a server may take until it accepts connections; one that loads its log takes longest. */
const START_MS = 30_000

/** A server that this process started. Its directory outlives `kill()` and `restart()`, and goes with `stop()`. */
export class RedisServer implements AsyncDisposable {
  readonly port: number
  readonly #directory: string
  readonly #settings: Settings
  #process: ChildProcess | undefined
  #ended: Promise<unknown> = Promise.resolve()

  constructor(port: number, directory: string, settings: Settings) {
    this.port = port
    this.#directory = directory
    this.#settings = settings
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Resolves once it accepts connections, its data loaded. */
  async start(): Promise<void> {
    const settings: Settings = {
      port: String(this.port),
      bind: '127.0.0.1',
      dir: this.#directory,
      save: '',
      appendonly: 'no',
      daemonize: 'no',
      // No second replica will come that a sync for the first could wait for; by default it waits for 5 s.
      'repl-diskless-sync-delay': '0',
      ...this.#settings,
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    const child = spawn(serverProgram(), args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const killIt = (): boolean => child.kill('SIGKILL')
    process.once('exit', killIt)
    this.#process = child
    this.#ended = new Promise<void>((resolve) => {
      child.once('close', () => {
        process.off('exit', killIt)
        resolve()
      })
    })
    await saysReady(child)
  }

  /** Ends it as a power failure of its process would: kill -9. */
  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL')
    await this.#ended
    this.#process = undefined
  }

  /** Kills it and starts it again, on the same port and what it left in its directory. */
  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** Stops it from answering, its connections left open, until `thaw()`. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/** A new server, empty, without persistence unless the settings ask for it. */
export async function startServer(settings: Settings = {}): Promise<RedisServer> {
  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-redis-'))
    const server = new RedisServer(await freePort(), directory, settings)
    try {
      await server.start()
      return server
    } catch (error) {
      await server.stop()
      // Between the search for a free port and its use another may have taken it.
      if (attempt === 3) throw error
    }
  }
}

/** Nodes of one cluster that together serve all slots. */
export class RedisCluster implements AsyncDisposable {
  readonly nodes: readonly RedisServer[]

  constructor(nodes: readonly RedisServer[]) {
    this.nodes = nodes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }
}

/** Three servers that form a cluster, each with a third of the slots. */
export async function startCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all(
    [0, 1, 2].map(async () =>
      startServer({
        'cluster-enabled': 'yes',
        // By default 10,000 above the port, which may be no port at all.
        'cluster-port': String(await freePort()),
        'cluster-node-timeout': '2000',
      }),
    ),
  )
  const cluster = new RedisCluster(nodes)
  const { Redis } = await import('ioredis')
  const clients = nodes.map(({ url }) => new Redis(url))
  try {
    const slots = 16_384
    const bound = (index: number): number => Math.floor((slots * index) / nodes.length)
    for (const [index, client] of clients.entries()) {
      await client.call('CLUSTER', 'ADDSLOTSRANGE', bound(index), bound(index + 1) - 1)
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    }
    for (const { port, bus } of await Promise.all(nodes.slice(1).map(addressOf)))
      await clients[0]!.call('CLUSTER', 'MEET', '127.0.0.1', port, bus)
    await Promise.all(clients.map(isWhole))
    return cluster
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  } finally {
    for (const client of clients) client.disconnect()
  }

  async function addressOf(node: RedisServer): Promise<{ port: number; bus: string }> {
    const [, bus] = (await clients[nodes.indexOf(node)]!.config('GET', 'cluster-port')) as [string, string]
    return { port: node.port, bus }
  }
}

/** Resolves once this node sees all slots served by three nodes. */
async function isWhole(client: { cluster(command: 'INFO'): Promise<unknown> }): Promise<void> {
  const end = performance.now() + START_MS
  for (;;) {
    const info = String(await client.cluster('INFO'))
    if (/cluster_state:ok/.test(info) && /cluster_known_nodes:3/.test(info)) return
    if (performance.now() > end) throw new Error(`the cluster did not form:\n${info}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Where `setup.ts` says which server it started for all tests. */
export const SHARED_VARIABLE = 'HOLDFAST_TEST_REDIS'

/**
 * Where tests that share a server find one: `REDIS_URL` where it is set, else the one started for this run. It may hold the
 * data of others: keep to names of your own, never flush it, and start another to do it harm.
 */
export function sharedUrl(): string {
  const url = process.env.REDIS_URL || process.env[SHARED_VARIABLE]
  if (url === undefined) throw new Error(NO_SERVER)
  return url
}

let program: string | undefined

/** The first server on the PATH; installed where there is none and this machine lets us. */
function serverProgram(): string {
  program ??= onPath() ?? installed()
  return program
}

const onPath = (): string | undefined =>
  PROGRAMS.find((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)

function installed(): string {
  for (const command of installers()) {
    console.warn(`no Redis server on the PATH: ${command.join(' ')}`)
    try {
      execFileSync(command[0]!, command.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] })
    } catch {
      break
    }
  }
  const found = onPath()
  if (found !== undefined) return found
  throw new Error(NO_SERVER)
}

function installers(): readonly (readonly string[])[] {
  if (process.platform === 'darwin') return [['brew', 'install', 'redis']]
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return []
  return [
    ['apt-get', 'update'],
    ['apt-get', 'install', '--yes', '--no-install-recommends', 'redis-server'],
  ]
}

function saysReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    const fail = (): void => reject(new Error(`the server did not start:\n${said}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail()
    }, START_MS)
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(timer)
      fail()
    })
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-10_000)
      if (!said.includes('Ready to accept connections')) return
      clearTimeout(timer)
      resolve()
    })
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
