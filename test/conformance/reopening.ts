/** Conformance: opening, closing and opening again. */
import { check, equal, rejects } from './assert.ts'
import { concern, fill, keysOf, lanesHold, put, risingKeys } from './stage.ts'

export const reopeningCases = concern('reopening', {
  'A new store is empty': async ({ store }) => {
    equal(await store.read(['a']), [undefined], 'a record')
    equal(await store.count([{ lane: 'l' }]), [0], 'a count')
    equal(await store.scan([{ lane: 'l', limit: 5 }]), [[]], 'a page')
  },

  'ready may be called any number of times': async ({ store }) => {
    await Promise.all([store.ready(), store.ready()])
    await put(store, { a: '1' })
    await store.ready()
    equal(await store.read(['a']), ['1'], 'the record')
  },

  'What was committed is there when the store is opened again': async ({ store, reopen }) => {
    await fill(store, 'l', ['b', 'a', 'C'])
    await put(store, { a: '1', empty: '', gone: '1' })
    await store.commit([
      { move: { from: { lane: 'l', limit: 1 }, to: [{ lane: 'm', prefix: 'p/' }] } },
      { delete: ['gone'], set: [['late', '1']] },
      { remove: [['l', 'a']] },
      { remove: [['l', 'missing']], add: [['l', 'refused']] },
      { add: [['n', 'last']] },
    ])
    const reopened = await reopen()
    await lanesHold(reopened, { l: ['b'], m: ['p/C'], n: ['last'] }, 'the lanes')
    equal(await reopened.read(['a', 'empty', 'gone', 'late']), ['1', '', undefined, '1'], 'the records')
  },

  'Counts and order go on exactly after reopening': async ({ store, reopen }) => {
    await fill(store, 'l', risingKeys(500))
    await store.commit([{ move: { from: { lane: 'l', limit: 200 }, to: [] } }])
    let current = await reopen()
    equal(await current.count([{ lane: 'l' }]), [300], 'the count')
    await current.commit([
      {
        remove: [
          ['l', 'k0200'],
          ['l', 'k0499'],
        ],
        add: [
          ['l', 'a'],
          ['l', 'z'],
        ],
      },
    ])
    current = await reopen()
    equal(
      await current.count([{ lane: 'l' }, { lane: 'l', from: 'k', until: 'l' }]),
      [300, 298],
      'the counts',
    )
    const [result] = await current.commit([{ move: { from: { lane: 'l', limit: 3 }, to: [] } }])
    equal(result !== false && result!.map(({ key }) => key), ['a', 'k0201', 'k0202'], 'the next keys')
    const size = [[{ lane: 'l' }, 297, 297]] as const
    equal(await current.commit([{ expect: { size } }]), [[]], 'the size expected')
  },

  'An emptied lane is empty after reopening, and can be filled again': async ({ store, reopen }) => {
    await fill(store, 'l', risingKeys(40))
    await store.commit([{ move: { from: { lane: 'l', limit: 40 }, to: [] } }])
    const reopened = await reopen()
    await lanesHold(reopened, { l: [] }, 'the emptied lane')
    await fill(reopened, 'l', ['k0001', 'a'])
    await lanesHold(await reopen(), { l: ['a', 'k0001'] }, 'the lane filled again')
  },

  'Reopening many times loses and doubles nothing': async ({ store, reopen }) => {
    let current = store
    for (let round = 0; round < 6; round++) {
      await current.commit([
        { add: [['l', `${round}`]], append: [['log', `${round}`]], set: [['r', `${round}`]] },
      ])
      current = await reopen()
    }
    await lanesHold(current, { l: ['0', '1', '2', '3', '4', '5'] }, 'the lane')
    const texts = (await keysOf(current, 'log')).map((key) => key.slice(17))
    equal(texts, ['0', '1', '2', '3', '4', '5'], 'the log')
    equal(await current.read(['r']), ['5'], 'the record')
  },

  'Stores of different names share nothing': async ({ store, another }) => {
    const other = await another()
    await put(store, { a: '1' })
    await fill(store, 'l', ['a', 'b'])
    equal(await other.read(['a']), [undefined], 'the record in the other store')
    await lanesHold(other, { l: [] }, 'the lane in the other store')
    await other.commit([{ add: [['l', 'a']], set: [['a', '2']], append: [['log', 'x']] }])
    await other.close()
    await lanesHold(store, { l: ['a', 'b'], log: [] }, 'the lanes in the first store')
    equal(await store.read(['a']), ['1'], 'the record in the first store')
  },

  'close may be called any number of times, also by disposal': async ({ store }) => {
    await Promise.all([store.close(), store.close()])
    await store.close()
    await store[Symbol.asyncDispose]()
    await rejects(store.read(['a']), 'STORE_CLOSED', 'a read')
  },

  'Disposal closes the store': async ({ store }) => {
    await store[Symbol.asyncDispose]()
    await rejects(store.commit([{ set: [['a', '1']] }]), 'STORE_CLOSED', 'a commit')
  },

  'A closed store rejects every call with STORE_CLOSED': async ({ store, reopen }) => {
    await store.close()
    await rejects(store.commit([{ set: [['a', '1']] }]), 'STORE_CLOSED', 'a commit')
    await rejects(store.commit([]), 'STORE_CLOSED', 'an empty commit')
    await rejects(store.read(['a']), 'STORE_CLOSED', 'a read')
    await rejects(store.scan([{ lane: 'l', limit: 1 }]), 'STORE_CLOSED', 'a scan')
    await rejects(store.count([{ lane: 'l' }]), 'STORE_CLOSED', 'a count')
    await rejects(store.ready(), 'STORE_CLOSED', 'ready')
    equal(await (await reopen()).read(['a']), [undefined], 'the record a late commit would have set')
  },

  'close waits for the calls under way': async ({ store, reopen }) => {
    const keys = risingKeys(30)
    await put(store, { r: 'here' })
    const commits = keys.map((key) => store.commit([{ add: [['l', key]], set: [[key, key]] }]))
    const reads = Promise.all([
      store.read(['r']),
      store.scan([{ lane: 'x', limit: 1 }]),
      store.count([{ lane: 'x' }]),
    ])
    // Looked at before close is awaited, so that a rejection is not taken for one that nobody handles.
    const settled = Promise.allSettled(commits)
    const answers = Promise.allSettled([reads])
    await store.close()
    const fates = (await settled).map(({ status }) => status)
    equal(
      fates,
      keys.map(() => 'fulfilled'),
      'the commits under way',
    )
    equal(await answers, [{ status: 'fulfilled', value: [['here'], [[]], [0]] }], 'the reads under way')
    const reopened = await reopen()
    equal(await keysOf(reopened, 'l'), keys, 'the lane after reopening')
    equal(await reopened.read(keys), keys, 'the records after reopening')
  },

  'epoch, where there is one, is new at each opening': async ({ store, reopen }) => {
    const epochs = [store.epoch]
    for (let round = 0; round < 3; round++) epochs.push((await reopen()).epoch)
    if (epochs[0] === undefined) {
      equal(epochs, [undefined, undefined, undefined, undefined], 'the epochs of a store without one')
      return
    }
    for (const epoch of epochs)
      check(/^[0-9A-Za-z]+$/.test(epoch ?? ''), `the epoch ${epoch} is not letters and digits`)
    equal(new Set(epochs).size, 4, `how many of the epochs ${epochs.join(', ')} differ`)
  },

  'durability is one of the four kinds, and stays what it is': async ({ store, reopen }) => {
    const kinds = ['memory', 'process', 'disk', 'replicated']
    check(
      kinds.includes(store.durability),
      `the durability ${store.durability} is none of ${kinds.join(', ')}`,
    )
    const before = store.durability
    equal((await reopen()).durability, before, 'the durability after reopening')
  },
})
