/** Programs as users write them: what must compile, and what must not. The compiler is the test; nothing here is run. */
import { Queue, type Store, Worker } from 'holdfast'
import { expect, test } from 'vitest'

type Jobs = {
  welcome: { data: { to: string }; result: { messageId: string } }
  digest: { data: { week: number } }
}

const programs = {
  async misuse(store: Store) {
    const queue = new Queue<Jobs>('emails', { store })
    // @ts-expect-error a name that is not in the map
    await queue.add('welcom', { to: 'ada' })
    // @ts-expect-error data of another shape
    await queue.add('welcome', { too: 'ada' })
    // @ts-expect-error data of another name
    await queue.add('digest', { to: 'ada' })
    // @ts-expect-error nobody gets a store by accident
    void new Queue<Jobs>('emails', {})
    // @ts-expect-error an option that does not exist
    await queue.add('digest', { week: 1 }, { attemps: 3 })
    // @ts-expect-error a result of another shape
    void new Worker<Jobs>('emails', { welcome: async (job) => ({ messageid: job.data.to }) }, { store })
  },

  async pasted(store: Store) {
    const delays = [1000, 5000]
    const queue = new Queue<{ to: string }>('emails', {
      store,
      skipVersionCheck: true,
      streams: { events: { maxLen: 1000 } },
      defaultJobOptions: {
        attempts: 3,
        backoff: { type: 'custom' },
        removeOnComplete: { age: 86_400, count: 1000, limit: 100 },
        removeOnFail: { age: 604_800 },
      },
    })
    await queue.add('welcome', { to: 'ada' }, { timeout: 1000, timeoutPolicy: 'fail' })
    void new Worker('emails', async (job) => job.data, {
      store,
      drainDelay: 5,
      settings: {
        lockDuration: 30_000,
        stalledInterval: 30_000,
        maxStalledCount: 1,
        lockRenewTime: 15_000,
        backoffStrategy: (attemptsMade: number, type?: string, error?: Error) =>
          type === 'custom' && error !== undefined ? delays[attemptsMade - 1]! : -1,
      },
    })
    // @ts-expect-error there is no server
    void new Queue('emails', { store, connection: {} })
    // @ts-expect-error handlers are functions
    void new Worker('emails', './handler.js', { store })
    // @ts-expect-error in seconds, and called age
    await queue.add('welcome', { to: 'ada' }, { removeOnComplete: { maxAge: 5 } })
  },

  async map(store: Store) {
    const queue = new Queue<Jobs>('emails', { store })
    const job = await queue.add('welcome', { to: 'ada' }, { delay: undefined })
    const id: string | undefined = job.returnvalue?.messageId
    void new Worker<Jobs>(
      'emails',
      {
        welcome: async ({ data }, { signal, fence }) => ({
          messageId: `${data.to} ${fence} ${signal.aborted}`,
        }),
        digest: async ({ data }) => {
          const week: number = data.week
          void week
        },
      },
      { store },
    ).on('completed', (done, result) => {
      if (done.name === 'welcome') void done.data.to
      void result
    })
    return id
  },

  async oneHandler(store: Store) {
    void new Worker<Jobs>(
      'emails',
      async (job) => {
        if (job.name === 'digest') return undefined
        const to: string = job.data.to
        return { messageId: to }
      },
      { store },
    )
  },

  async dataResultName(store: Store) {
    const queue = new Queue<{ to: string }, number, 'mail'>('mails', { store })
    const value: number | undefined = (await queue.add('mail', { to: 'ada' })).returnvalue
    // @ts-expect-error not that name
    await queue.add('letter', { to: 'ada' })
    void new Worker<{ to: string }, number>('mails', async (job) => job.data.to.length, { store })
    return value
  },

  async dataAlone(store: Store) {
    const queue = new Queue<{ to: string }>('mails', { store })
    await queue.add('any name', { to: 'ada' })
    // @ts-expect-error data of another shape
    await queue.add('any name', { week: 1 })
  },

  async untyped(store: Store) {
    await new Queue('anything', { store }).add('any name', { any: ['data'] })
    void new Worker(
      'anything',
      async (job, context, signal) => [job.data.any, context.token, signal.aborted],
      {
        store,
      },
    )
  },
}

test('programs compile, or do not, as they should', () => {
  expect(Object.keys(programs)).toHaveLength(7)
})
