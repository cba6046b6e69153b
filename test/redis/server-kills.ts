/**
 * kill -9 of a server that syncs every write, again and again, while a process adds jobs and works on them. The process lives;
 * what it was told is the witness's to judge.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { launch } from '../crash/launch.ts'
import type { LoadOrders } from '../crash/load.ts'
import { chance } from '../crash/plan.ts'
import { type Verdict, Witness } from '../crash/witness.ts'
import { ON_DISK, startServer } from './server.ts'

/** A server is killed at most so long (ms) after so many adds were acknowledged since it started, and is gone for as long. */
const ADDS = 30
const LIVES_MS = 50
const GONE_MS = 100
const CONCURRENCY = 10

export async function killServers(kills: number, seed: number): Promise<Verdict> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-witness-'))
  const witness = new Witness(join(directory, 'ledger.txt'))
  await using server = await startServer(ON_DISK)
  const orders: LoadOrders = {
    path: server.url,
    store: 'redis',
    seed,
    bytes: [1, 3000],
    mixed: true,
    callers: 16,
    concurrency: CONCURRENCY,
    roles: ['producer', 'worker'],
    units: [0, Number.MAX_SAFE_INTEGER],
    drain: true,
  }
  const heard = { acknowledged: 0 }
  const hear = (line: string): void => {
    witness.hear(line)
    if (line.startsWith('ACK')) heard.acknowledged++
  }
  const program = await launch('crash/load.ts', orders, { hear })
  await program.said('LOAD')
  for (let round = 0; round < kills; round++) {
    const before = heard.acknowledged
    while (heard.acknowledged < before + ADDS) await sleep(5)
    await sleep(chance(seed, 'lives', round) * LIVES_MS)
    await server.kill()
    await sleep(chance(seed, 'gone', round) * GONE_MS)
    await server.start()
  }
  program.signal('SIGUSR2')
  const { code } = await program.ended
  const verdict = witness.judge(CONCURRENCY)
  if (code !== 0)
    return { ...verdict, faults: [...verdict.faults, `the program ended: ${program.complaints}`] }
  if (verdict.faults.length > 0) return { ...verdict, faults: [...verdict.faults, `kept in ${directory}`] }
  await rm(directory, { recursive: true })
  return verdict
}
