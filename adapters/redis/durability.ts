/**
 * What a write that Redis acknowledged survives: read from the server's settings where it tells them, and never taken for
 * more. It knows no scripts.
 */
import { HoldfastError } from '../../src/error.ts'
import type { Durability } from '../../src/store.ts'
import type { Connection } from './connection.ts'
import { isForbidden, redisError } from './failure.ts'

const LEVELS: readonly Durability[] = ['memory', 'process', 'disk', 'replicated']

/** How long a write may take to reach a replica (ms), and the first word of one, when a store opens. */
const REPLICA_MS = 5_000
const FIRST_REPLICA_MS = 1_000

/** What was found out about a server, or `undefined` where it does not tell. */
type Settings = ReadonlyMap<string, string> | undefined

export interface Probed {
  readonly durability: Durability
  /** What the people who run the program should know. */
  readonly warning: string | undefined
  /** Waits until what was just written is as durable as asked; `undefined` where it is by the time it is acknowledged. */
  readonly secure: (() => Promise<void>) | undefined
}

/**
 * Asks the server what it promises. Rejects with `DURABILITY_UNAVAILABLE` where that is less than `asked`, and where it may
 * evict what is written.
 */
export async function probeDurability(
  connection: Connection,
  asked: Durability | undefined,
): Promise<Probed> {
  const settings = await readSettings(connection)
  if (settings !== undefined) refuseEviction(settings)
  const replicates = asked === 'replicated' ? await replication(connection) : undefined
  if (settings === undefined) {
    const warning =
      'the durability of Redis is unverified: CONFIG is forbidden. Make sure of appendonly yes, appendfsync always and maxmemory-policy noeviction'
    return { durability: 'memory', warning, secure: replicates }
  }
  const durability = replicates === undefined ? levelOf(settings) : 'replicated'
  if (asked !== undefined && LEVELS.indexOf(durability) < LEVELS.indexOf(asked)) {
    throw unavailable(`${asked} was asked for, and Redis gives ${durability} (${shown(settings)})`)
  }
  return { durability, warning: warningOf(durability, asked, settings), secure: replicates }
}

async function readSettings(connection: Connection): Promise<Settings> {
  try {
    const reply = await connection.client.call('CONFIG', ['GET', 'append*', 'maxmemory-policy'])
    return new Map(pairs(reply))
  } catch (error) {
    if (isForbidden(error)) return undefined
    throw redisError('the settings of Redis could not be read', error)
  }
}

/** Names and values, which come one after the other, or (by RESP3) as members or pairs. */
function pairs(reply: unknown): [string, string][] {
  if (reply instanceof Map) return [...reply] as [string, string][]
  if (!Array.isArray(reply)) return Object.entries(reply as Record<string, string>)
  if (Array.isArray(reply[0])) return reply as [string, string][]
  return reply.flatMap((name: string, at) => (at % 2 === 0 ? [[name, String(reply[at + 1])]] : []))
}

function levelOf(settings: ReadonlyMap<string, string>): Durability {
  if (settings.get('appendonly') !== 'yes') return 'memory'
  return settings.get('appendfsync') === 'always' ? 'disk' : 'process'
}

function refuseEviction(settings: ReadonlyMap<string, string>): void {
  const policy = settings.get('maxmemory-policy')
  if (policy === undefined || policy === 'noeviction') return
  throw unavailable(
    `Redis may evict jobs when its memory is full (maxmemory-policy ${policy}): set it to noeviction`,
  )
}

/** One warning where a power failure loses jobs and nobody said that this is meant. */
function warningOf(
  durability: Durability,
  asked: Durability | undefined,
  settings: ReadonlyMap<string, string>,
): string | undefined {
  if (asked !== undefined || LEVELS.indexOf(durability) >= LEVELS.indexOf('disk')) return undefined
  const lost = durability === 'memory' ? 'its process ends' : 'the power fails'
  return `jobs that Redis acknowledged are lost when ${lost} (${shown(settings)}): set appendonly yes and appendfsync always, or say durability: '${durability}'`
}

const shown = (settings: ReadonlyMap<string, string>): string =>
  ['appendonly', 'appendfsync'].map((name) => `${name} ${settings.get(name)}`).join(', ')

/** How a write is known to have reached a replica: by the replica's disk where the server can tell (7.2), else its memory. */
async function replication(connection: Connection): Promise<() => Promise<void>> {
  const { client } = connection
  if (client.isCluster === true) {
    throw unavailable('replicated was asked for, and what a cluster replicates cannot be waited for')
  }
  const disks = (ms: number): Promise<boolean> =>
    client.call('WAITAOF', [1, 1, ms]).then((reply) => {
      const [own, replicas] = (reply as unknown[]).map(Number)
      return own! >= 1 && replicas! >= 1
    })
  const memories = (ms: number): Promise<boolean> =>
    client.call('WAIT', [1, ms]).then((replicas) => Number(replicas) >= 1)
  let reached = disks
  try {
    await disks(FIRST_REPLICA_MS)
  } catch (error) {
    // An older server, or one without a log to wait for.
    if (!(error instanceof Error) || !/^(ERR|NOPERM)/.test(error.message)) {
      throw redisError('what Redis replicates could not be found out', error)
    }
    reached = memories
  }
  if (!(await reached(FIRST_REPLICA_MS)))
    throw unavailable('replicated was asked for, and no replica answers')
  return async () => {
    const isSafe = await reached(REPLICA_MS).catch((error: unknown) => {
      throw redisError('what Redis replicated could not be found out', error)
    })
    if (isSafe) return
    const message = `what was written did not reach a replica within ${REPLICA_MS} ms`
    throw new HoldfastError('DURABILITY_UNAVAILABLE', message, { outcome: 'unknown' })
  }
}

const unavailable = (why: string): HoldfastError => new HoldfastError('DURABILITY_UNAVAILABLE', why)
