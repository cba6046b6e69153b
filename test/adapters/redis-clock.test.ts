/** The clock of a namespace: no wall clock that is stepped, here or at the server, moves it, for those there and those who come. */
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { ServerClock } from '../../adapters/redis/server-clock.ts'

/** A server whose wall clock is its own, and whose answers take `roundTrip` ms. */
function timeServer(roundTrip = 0) {
  const started = virtualHost({ start: 1_800_000_000_000 })
  let step = 0
  let shift = 0
  let asked = 0
  const clients: ReturnType<typeof virtualHost>[] = []
  return {
    /** A machine with a wall clock that is wrong by so much. */
    machine(wrong = 0) {
      const host = virtualHost({ start: 1_800_000_000_000 + wrong })
      clients.push(host)
      const clock = new ServerClock(host, {
        time: async () => {
          asked++
          await host.advance(roundTrip / 2)
          const answer = { wall: started.wall() + step, shift }
          await host.advance(roundTrip / 2)
          return answer
        },
        shift: async (from, to) => {
          if (from === shift) shift = to
        },
      })
      return { host, clock }
    },
    async pass(ms: number, asleep?: ReturnType<typeof virtualHost>) {
      await started.advance(ms)
      for (const client of clients) await (client === asleep ? client.jump(ms) : client.advance(ms))
    },
    step: (ms: number) => void (step += ms),
    get asked() {
      return asked
    },
  }
}

/** Looks at the clock until it has compared itself. */
async function look({
  host,
  clock,
}: {
  host: ReturnType<typeof virtualHost>
  clock: ServerClock
}): Promise<number> {
  clock.now()
  for (let turn = 0; turn < 5; turn++) await host.idle()
  return clock.now()
}

test('machines whose clocks are ten minutes apart agree on the time', async () => {
  const server = timeServer()
  const fast = server.machine(300_000)
  const slow = server.machine(-300_000)
  await Promise.all([fast.clock.start(), slow.clock.start()])
  expect(fast.clock.now()).toBe(1_800_000_000_000)
  expect(slow.clock.now()).toBe(1_800_000_000_000)
  expect(fast.clock.skewMs).toBe(2)
})

test('a step of this wall clock moves nothing', async () => {
  const server = timeServer()
  const here = server.machine()
  await here.clock.start()
  here.host.jump(3_600_000)
  expect(await look(here)).toBe(1_800_000_000_000)
  here.host.jump(-7_200_000)
  await server.pass(1000)
  expect(await look(here)).toBe(1_800_000_001_000)
})

test.each([3_600_000, -3_600_000])(
  'a step of the server by %d ms moves nothing, nor for those who come later',
  async (by) => {
    const server = timeServer()
    const here = server.machine()
    const there = server.machine(5000)
    await Promise.all([here.clock.start(), there.clock.start()])
    server.step(by)
    await server.pass(61_000)
    expect(await look(here)).toBe(1_800_000_061_000)
    expect(await look(there)).toBe(1_800_000_061_000)
    const later = server.machine()
    await later.clock.start()
    expect(later.clock.now()).toBe(1_800_000_061_000)
    await server.pass(61_000)
    for (const machine of [here, there, later]) expect(await look(machine)).toBe(1_800_000_122_000)
  },
)

test('a machine that slept takes the time over, and does not blame the server', async () => {
  const server = timeServer()
  const laptop = server.machine()
  const other = server.machine()
  await Promise.all([laptop.clock.start(), other.clock.start()])
  await server.pass(7_200_000, laptop.host)
  expect(await look(laptop)).toBe(1_800_007_200_000)
  expect(await look(other)).toBe(1_800_007_200_000)
})

test('it never goes back, and its skew covers how long an answer took and how long ago', async () => {
  const server = timeServer(20)
  const here = server.machine()
  await here.clock.start()
  expect(here.clock.skewMs).toBe(22)
  await server.pass(30_000)
  expect(here.clock.skewMs).toBeGreaterThan(30)
  let last = here.clock.now()
  for (let round = 0; round < 10; round++) {
    await server.pass(10_000)
    const now = await look(here)
    expect(now).toBeGreaterThanOrEqual(last)
    last = now
  }
})

test('it asks once a minute at most, and only when somebody looks', async () => {
  const server = timeServer()
  const here = server.machine()
  await here.clock.start()
  const before = server.asked
  for (let second = 0; second < 300; second++) {
    await server.pass(1000)
    await look(here)
  }
  expect(server.asked - before).toBeLessThanOrEqual(5)
  expect(server.asked - before).toBeGreaterThan(2)
})
