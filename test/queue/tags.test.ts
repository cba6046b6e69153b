/** A job's tags: keys in an index that are there exactly as long as the job, whichever way it goes. */
import { describe, expect, test } from 'vitest'
import { type Stage, gate, stage } from '../stage/stage.ts'

const TAGGED = { tags: ['red', 'big', 'red'], removeOnComplete: false, removeOnFail: false }

/** What the index holds, a line a key: the tag and the job. */
const indexOf = ({ dump }: Stage): string[] =>
  (dump().lanes.get('tag:q') ?? []).map((key) => `${key.split('/')[0]} ${key.split(':')[1]}`)

describe('tags', () => {
  test('are kept with the job, each once, through retries and edits', async () => {
    const made = stage()
    const { host, queue, worker } = made
    const job = await queue.add('a', 1, { ...TAGGED, jobId: '1', attempts: 2, delay: 10 })
    expect(job.tags).toEqual(['red', 'big'])
    expect(indexOf(made)).toEqual(['big 1', 'red 1'])
    await job.changePriority({ priority: 3 })
    await job.changeDelay(20)
    worker(() => {
      throw new Error('no')
    })
    await host.advance(1000)
    expect((await queue.getJob('1'))?.failedReason).toBe('no')
    await queue.retryJobs()
    await host.advance(1000)
    expect(indexOf(made)).toEqual(['big 1', 'red 1'])
    expect((await queue.getJob('1'))?.tags).toEqual(['red', 'big'])
  })

  test('of a job that is removed, waiting or by force, go with it', async () => {
    const made = stage()
    const { host, queue, worker } = made
    const hold = gate()
    worker(() => hold.promise)
    await queue.add('a', 1, { ...TAGGED, jobId: 'runs' })
    await queue.add('a', 1, { ...TAGGED, jobId: 'waits' })
    await host.idle()
    await queue.remove('waits')
    expect(indexOf(made)).toEqual(['big runs', 'red runs'])
    await queue.remove('runs', { force: true })
    expect(indexOf(made)).toEqual([])
    hold.open()
    await host.idle()
  })

  test('of a job of which nothing is kept go when it ends', async () => {
    const made = stage()
    made.worker(() => 1)
    await made.queue.add('a', 1, { tags: ['red'], removeOnComplete: true })
    await made.host.idle()
    expect(indexOf(made)).toEqual([])
  })

  test('of jobs that are pruned go with them', async () => {
    const made = stage()
    made.worker(() => 1)
    for (let n = 0; n < 30; n++) {
      await made.queue.add('a', n, { jobId: `${n}`, tags: ['red'], removeOnComplete: { count: 1 } })
    }
    await made.host.advance(1000)
    expect(indexOf(made)).toHaveLength(1)
  })

  test.each([
    ['drained', (made: Stage) => made.queue.drain(true)],
    ['cleaned', (made: Stage) => made.queue.clean(0, 0, 'delayed')],
    ['obliterated', (made: Stage) => made.queue.obliterate()],
  ])('of jobs that are %s go with them', async (_, remove) => {
    const made = stage()
    await made.queue.addBulk(
      Array.from({ length: 450 }, () => ({ name: 'a', data: 1, opts: { ...TAGGED, delay: 5 } })),
    )
    expect(indexOf(made)).toHaveLength(900)
    await remove(made)
    expect(indexOf(made)).toEqual([])
  })
})

test('verify holds the index against the jobs, both ways', async () => {
  const { queue, content } = stage({ sound: false })
  await queue.add('n', 1, { jobId: 'a', tags: ['red'] })
  await queue.add('n', 1, { jobId: 'b', tags: ['red', 'blue'] })
  expect(await queue.verify()).toMatchObject({ ok: true })
  const tags = content.lanes.get('tag:q')!
  const [blue] = tags.head(undefined, undefined, 1)
  tags.erase(blue!)
  tags.insert('green/1790000000000/q:a')
  tags.insert('green/1790000000000/q:gone')
  expect((await queue.verify()).problems).toEqual([
    'job a: the index has a tag that it does not have: green/1790000000000/q:a',
    'job gone: the index has a tag that it does not have: green/1790000000000/q:gone',
    expect.stringMatching(/^job b: the index lacks its tag: blue\//),
  ])
})
