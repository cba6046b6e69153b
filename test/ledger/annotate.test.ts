/** Log lines from several writers. */
import { Queue } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { expect, test } from 'vitest'

test('lines that two write at once are both kept', async () => {
  const queue = new Queue('q', { store: memoryStore() })
  const mine = await queue.add('n', 1, { jobId: 'j' })
  const theirs = (await queue.getJob('j'))!
  await mine.log('first')
  const kept = await Promise.all([mine.log('second'), theirs.log('third')])
  expect(Math.max(...kept)).toBe(3)
  const { logs } = await mine.getLogs()
  expect(logs.toSorted()).toEqual(['first', 'second', 'third'])
})
