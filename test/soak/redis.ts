/** The campaigns on real Redis servers, each started and stopped by itself. */
import pLimit from 'p-limit'
import { everyFault } from '../faults/enumerate.ts'
import { redisDisk } from '../model/harness.ts'
import { crowd } from '../redis/crowd.ts'
import { converse, cuts } from '../redis/cutting.ts'
import { killServers } from '../redis/server-kills.ts'
import { SHARED_VARIABLE, startServer } from '../redis/server.ts'
import { slowCommands } from '../redis/slow-log.ts'
import { killsAndFlushes } from '../redis/storm.ts'
import type { Soak } from './campaigns.ts'

const FAULTS_SHOWN = 5

function assertNone(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(faults.slice(0, FAULTS_SHOWN).join('; '))
}

/** The connection cut after each byte of a conversation, either way. */
const redisCuts: Soak = async ({ isOver }) => {
  await using server = await startServer()
  const all = await cuts(server.port, 1, 1)
  const atOnce = pLimit(8)
  let done = 0
  await Promise.all(
    all.map((cut) =>
      atOnce(async () => {
        if (isOver()) return
        const { faults } = await converse(server.port, cut)
        assertNone(faults.map((fault) => `${cut.direction} ${cut.bytes}: ${fault}`))
        done++
      }),
    ),
  )
  return `cut after ${done} of ${all.length} bytes`
}

const STORM_MS = 30_000

const redisStorm: Soak = async () => {
  const { faults, figures, kills } = await killsAndFlushes(STORM_MS)
  assertNone(faults)
  return `${kills} times all connections killed: ${JSON.stringify(figures)}`
}

const SERVER_KILLS = 100

const redisKills: Soak = async ({ seed }) => {
  const { faults, ...figures } = await killServers(SERVER_KILLS, seed)
  assertNone(faults)
  return `the server killed ${SERVER_KILLS} times: ${JSON.stringify(figures)}`
}

const CROWD = { jobs: 100_000, clocks: [0, 0, 0, 0, 0, 0, 0, 0], concurrency: 20, flakyEvery: 10 }

const redisCrowd: Soak = async () => {
  await using server = await startServer()
  const { faults, repeated, shares } = await crowd({ ...CROWD, port: server.port })
  assertNone(faults)
  if (repeated > 0) throw new Error(`${repeated} jobs ran to their end again`)
  return `${CROWD.jobs} jobs by ${shares.length} processes: ${shares.join(', ')}`
}

/** A machine may stop the server in the middle of any command, all the same; one that is slow by itself is so in each lap. */
const redisSlow: Soak = async ({ isOver }) => {
  for (let lap = 1; ; lap++) {
    const slow = await slowCommands({ bulk: 10_000, mass: 100_000 })
    if (slow.length === 0) return `no slow command, at lap ${lap}`
    if (isOver()) assertNone(slow)
  }
}

/** The script of faults, on a server instead of a memory. */
const redisFaults: Soak = async ({ seed, isOver }) => {
  await using server = await startServer()
  process.env[SHARED_VARIABLE] = server.url
  return await everyFault({ enough: isOver, from: seed, disk: redisDisk })
}

export const REDIS_CAMPAIGNS = {
  'redis-faults': redisFaults,
  'redis-cuts': redisCuts,
  'redis-storm': redisStorm,
  'redis-kills': redisKills,
  'redis-crowd': redisCrowd,
  'redis-slow': redisSlow,
}
