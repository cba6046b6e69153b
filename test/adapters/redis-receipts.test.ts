/** A call is applied once at most, however often it is sent and whenever it arrives. */
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { connect, freshNamespace, meddled, openStore } from './redis-stage.ts'

/** Notes each commit that is sent, so that it can be sent again. */
function recorder(client: ReturnType<typeof connect>) {
  const sent: (string | number)[][] = []
  const recording = meddled(client, (command, args, send) => {
    if (command === 'EVALSHA') sent.push(args)
    return send()
  })
  return { recording, sent, again: (args: (string | number)[]) => client.call('EVALSHA', args) }
}

test('a commit that is sent again is answered as before and changes nothing, an older one is refused', async () => {
  await using client = connect()
  const { recording, sent, again } = recorder(client)
  await using store = await openStore(recording)
  await store.commit([
    {
      add: [
        ['l', 'a'],
        ['l', 'b'],
        ['l', 'c'],
      ],
      set: [
        ['a', 'first ü'],
        ['c', ''],
      ],
      append: [['log', 'x']],
    },
  ])
  const move = { from: { lane: 'l', limit: 2 }, to: [{ lane: 'm', mark: 'k' }] }
  const before = sent.length
  const results = await store.commit([
    { remove: [['l', 'none']] },
    { move },
    { after: 1, set: [['a', 'second']], append: [['log', 'y']] },
  ])
  expect(results).toEqual([
    false,
    [
      { key: 'a', record: 'first ü' },
      { key: 'b', record: undefined },
    ],
    [],
  ])
  const call = sent.at(-1)!
  expect(sent.length).toBe(before + 2)

  const reply = [-1, 2, 'a', 'first ü', 'b', null, 0]
  expect(await again(call)).toEqual(reply)
  await store.commit([{ set: [['a', 'third']], delete: ['none'] }])
  expect(await again(call)).toBe('STALE')
  expect(await store.read(['a'])).toEqual(['third'])
  expect(
    await store.scan([
      { lane: 'l', limit: 9 },
      { lane: 'm', limit: 9 },
      { lane: 'log', limit: 9 },
    ]),
  ).toEqual([['c'], ['k/a', 'k/b'], ['0000000000000001/x', '0000000000000002/y']])
})

test('what is refused as malformed is so again', async () => {
  await using client = connect()
  const { recording, sent, again } = recorder(client)
  await using store = await openStore(recording)
  const twice = [{ add: [['l', 'a']] }, { add: [['l', 'a']] }] as const
  await expect(store.commit(twice)).rejects.toMatchObject({ code: 'UNIT_INVALID', outcome: 'failed' })
  expect(await again(sent.at(-1)!)).toEqual([expect.stringContaining('the key a')])
  expect(await store.count([{ lane: 'l' }])).toEqual([0])
})

/** Only they use the number of the last append. */
const isCommit = (command: string, args: readonly unknown[]): boolean =>
  command === 'EVALSHA' && args.some((arg) => String(arg).endsWith(':number'))

const LOSSES = {
  'the answer is lost': async (send: () => Promise<unknown>) => {
    await send()
    throw new Error('read ECONNRESET')
  },
  'the command is lost': async () => {
    throw new Error('write EPIPE')
  },
}

test.each(Object.entries(LOSSES))(
  '%s: the store asks again, and what was asked happens once',
  async (_, lose) => {
    await using client = connect()
    let losses = 0
    const lossy = meddled(client, (command, args, send) =>
      // Every commit but the last of three tries; opening and looking go well.
      isCommit(command, args) && ++losses % 3 !== 0 ? lose(send) : send(),
    )
    await using store = await openStore(lossy)
    for (let round = 0; round < 3; round++) {
      await store.commit([{ append: [['log', `r${round}`]] }])
      const moved = await store.commit([
        { move: { from: { lane: 'log', limit: 1 }, to: [{ lane: 'm', drop: 1 }] } },
      ])
      expect(moved[0]).toHaveLength(1)
    }
    expect(losses).toBe(18)
    expect(await store.scan([{ lane: 'm', limit: 9 }])).toEqual([['r0', 'r1', 'r2']])
    expect(await store.count([{ lane: 'log' }])).toEqual([0])
  },
)

test('a slot whose receipt is gone is replaced by another', async () => {
  await using client = connect()
  const namespace = freshNamespace()
  await using store = await openStore(client, { namespace })
  await store.commit([{ add: [['l', 'a']] }])
  const receipts = await client.keys(`{${namespace}}:receipt:*`)
  expect(receipts).toHaveLength(1)
  expect(await client.pttl(receipts[0]!)).toBeGreaterThan(3_500_000)
  await client.del(receipts)
  await store.commit([{ add: [['l', 'b']] }])
  expect(await store.count([{ lane: 'l' }])).toEqual([2])
  expect(await client.keys(`{${namespace}}:receipt:*`)).not.toEqual(receipts)
})

test('a slot that was not used for long is not relied upon', async () => {
  await using client = connect()
  const namespace = freshNamespace()
  const host = virtualHost()
  await using store = await openStore(client, { namespace, host })
  await store.commit([{ add: [['l', 'a']] }])
  await host.advance(1_799_000)
  await store.commit([{ add: [['l', 'b']] }])
  expect(await client.keys(`{${namespace}}:receipt:*`)).toHaveLength(1)
  await host.advance(1_801_000)
  await store.commit([{ add: [['l', 'c']] }])
  expect(await client.keys(`{${namespace}}:receipt:*`)).toHaveLength(2)
})

test('a server that does not answer is given up as unknown, and sent nothing more until it does', async () => {
  await using client = connect()
  let hold: Promise<void> | undefined
  let sent = 0
  const slow = meddled(client, async (_, __, send) => {
    sent++
    await hold
    return send()
  })
  const host = virtualHost()
  await using store = await openStore(slow, { host })
  await store.commit([{ set: [['r', '1']] }])
  let letGo = (): void => {}
  hold = new Promise((resolve) => (letGo = resolve))
  const before = sent
  const hung = expect(store.commit([{ set: [['r', '2']] }])).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    outcome: 'unknown',
  })
  const looked = expect(store.read(['r'])).rejects.toMatchObject({
    code: 'STORE_UNAVAILABLE',
    outcome: 'failed',
  })
  await host.advance(15_000)
  await Promise.all([hung, looked])
  for (let call = 0; call < 5; call++) {
    const refused = { code: 'STORE_UNAVAILABLE', outcome: 'failed' }
    let turned = false
    setImmediate(() => (turned = true))
    // Somebody who asks again and again leaves the event loop its turns, in which an answer would come.
    await expect(store.commit([{ set: [['r', '3']] }])).rejects.toMatchObject(refused)
    expect(turned).toBe(true)
    await expect(store.read(['r'])).rejects.toMatchObject(refused)
  }
  expect(sent).toBe(before + 2)
  hold = undefined
  letGo()
  await expect.poll(() => store.read(['r']).catch(() => undefined)).toEqual(['2'])
  await store.commit([{ set: [['r', '4']] }])
  expect(await store.read(['r'])).toEqual(['4'])
})

test('where many wait two calls are under way, each under a receipt of its own, and what both lost happens once', async () => {
  await using client = connect()
  let underWay = 0
  let most = 0
  let losses = 0
  let meet = (): void => {}
  const met = new Promise<void>((resolve) => (meet = resolve))
  const lossy = meddled(client, async (command, args, send) => {
    if (!isCommit(command, args)) return send()
    most = Math.max(most, ++underWay)
    if (underWay === 2) meet()
    // The first waits for the second.
    await met
    try {
      const answer = await send()
      if (++losses % 2 !== 0) throw new Error('read ECONNRESET')
      return answer
    } finally {
      underWay--
    }
  })
  const namespace = freshNamespace()
  await using store = await openStore(lossy, { namespace })
  const names = Array.from({ length: 1000 }, (_, n) => `k${String(n).padStart(4, '0')}`)
  await Promise.all(names.map((name) => store.commit([{ add: [['l', name]], append: [['log', name]] }])))
  expect(most).toBe(2)
  expect(await client.keys(`{${namespace}}:receipt:*`)).toHaveLength(2)
  expect(await store.scan([{ lane: 'l', limit: 2000 }])).toEqual([names])
  expect(await store.count([{ lane: 'log' }])).toEqual([1000])
})
