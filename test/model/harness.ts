/**
 * The real side of the model test: a store that can be made to fail around its commits, killed and opened again, with two
 * queues on it. What is on disk is read past the store.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { Redis } from 'ioredis'
import { Queue, type Store } from 'holdfast'
import { levelStore } from 'holdfast/level'
import { MemoryContent, memoryStore } from 'holdfast/memory'
import { redisStore } from 'holdfast/redis'
import { type VirtualHost, virtualHost } from 'holdfast/testing'
import type { SeenConfig } from '../../src/ledger/claim.ts'
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts'
import { FaultStore } from '../faults/fault-store.ts'
import { sharedUrl } from '../redis/server.ts'
import type { Dump } from './dump.ts'

/** Where the bytes are, apart from the store object that works on them. */
export interface Disk {
  open(host: VirtualHost): Promise<Store>
  dump(): Promise<Dump>
  /** What the end of a process does: nothing is flushed, nothing said goodbye to. */
  kill(): Promise<void>
  dispose(): Promise<void>
}

/** Changes of which one is looked at by `verify()` too, whose dozens of calls would cost more than all else. */
const VERIFY_EACH = 4

export async function memoryDisk(): Promise<Disk> {
  const content = new MemoryContent()
  return {
    open: async (host) => memoryStore({ host, content }),
    dump: async () => ({
      records: content.records,
      lanes: new Map(
        [...content.lanes].map(([lane, keys]) => [lane, keys.head(undefined, undefined, Infinity)]),
      ),
    }),
    kill: async () => {},
    dispose: async () => {},
  }
}

export async function levelDisk(): Promise<Disk> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-model-'))
  let db = new ClassicLevel(path)
  return {
    open: async (host) => {
      if (db.status !== 'opening' && db.status !== 'open') db = new ClassicLevel(path)
      await db.open()
      return levelStore(db, { durability: 'process', host })
    },
    dump: async () => {
      const records = new Map<string, string>()
      const lanes = new Map<string, string[]>()
      for (const [key, value] of await db.iterator({ gte: 'r ', lt: 'r!' }).all())
        records.set(key.slice(2), value)
      for (const key of await db.keys({ gte: 'k ', lt: 'k!' }).all()) {
        const [, lane = '', rest = ''] = key.split(' ')
        const keys = lanes.get(lane)
        if (keys === undefined) lanes.set(lane, [rest])
        else keys.push(rest)
      }
      return { records, lanes }
    },
    kill: () => db.close(),
    dispose: async () => {
      await db.close()
      await rm(path, { recursive: true, force: true })
    },
  }
}

let namespaces = 0

/** A namespace of its own on the server that tests share; what is in it goes with `dispose`. */
export async function redisDisk(): Promise<Disk> {
  const client = new Redis(sharedUrl())
  // A run that time cuts off goes on without its server.
  client.on('error', () => undefined)
  const tag = `{model-${process.pid}-${performance.timeOrigin}-${++namespaces}}`
  const lanePrefix = `${tag}:lane:`
  return {
    open: async (host) => redisStore(client, { namespace: tag.slice(1, -1), durability: 'memory', host }),
    dump: async () => {
      const [records, sets] = await Promise.all([
        client.hgetall(`${tag}:records`),
        client.keys(`${lanePrefix}*`),
      ])
      const keys = await Promise.all(sets.map((set) => client.zrange(set, '0', '-1')))
      const lanes = new Map(sets.map((set, at) => [set.slice(lanePrefix.length), keys[at]!]))
      return { records: new Map(Object.entries(records)), lanes }
    },
    kill: async () => {},
    dispose: async () => {
      const keys = await client.keys(`${tag}:*`)
      if (keys.length > 0) await client.del(keys)
      client.disconnect()
    },
  }
}

/**
 * What goes wrong at one commit of a command, and whether the process ends with it: then nobody hears the answer.
 */
export interface Fault {
  readonly kind: 'before' | 'after' | 'lost' | 'double'
  readonly crash: boolean
  /** Commits of the command before it. */
  readonly call: number
}

/** Names that must not be mistaken for one another. */
export const QUEUES = ['a', 'a:b/%:é'] as const
export type QueueNumber = 0 | 1

/** One queue as the process that has it open knows it. */
export interface Side {
  readonly name: string
  readonly queue: Queue
  readonly ledger: Ledger
  /** Its settings as they were seen some time ago. */
  seen: SeenConfig | undefined
}

export class Real {
  readonly host = virtualHost()
  readonly disk: Disk
  store!: FaultStore
  sides!: readonly Side[]
  /** How often the store was opened. */
  opened = 0
  /** The fault that happened since one was armed. */
  tripped: Fault | undefined
  #changes = 0

  constructor(disk: Disk) {
    this.disk = disk
  }

  async open(): Promise<void> {
    this.store = new FaultStore(await this.disk.open(this.host))
    await this.store.ready()
    this.opened++
    this.sides = QUEUES.map((name) => ({
      name,
      queue: new Queue(name, { store: this.store }),
      ledger: openLedger(this.store, name),
      seen: undefined,
    }))
  }

  /** After this change, of all there are. */
  isTimeToVerify(): boolean {
    return ++this.#changes % VERIFY_EACH === 0
  }

  /** Makes the next commits go wrong. */
  arm(fault: Fault | undefined): void {
    this.tripped = undefined
    this.store.arm({ commits: fault && [fault] })
    this.store.onFault = () => {
      this.tripped = fault
      if (fault?.crash === true) this.store.die('refusing')
    }
  }

  /** The process ends without a word, and another begins. */
  async restart(): Promise<void> {
    this.store.die('refusing')
    await this.disk.kill()
    await this.open()
  }

  async closeAndOpen(): Promise<void> {
    await this.store.close()
    await this.disk.kill()
    await this.open()
  }
}
