/** Listeners that come and go: what is heard, and what is warned about. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'
import { expect, test } from 'vitest'

test('removing a listener of error that is gone already does not make the next one deaf', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const worker = new Worker('q', () => {}, { store })
  const first = (): void => {}
  worker.on('error', first)
  worker.removeAllListeners()
  worker.off('error', first)
  const heard: string[] = []
  worker.on('error', ({ message }) => heard.push(message))
  worker.on('completed', () => {
    throw new Error('from a listener')
  })
  await new Queue('q', { store }).add('a', {})
  await host.idle()
  expect(heard).toEqual(['from a listener'])
  expect(host.warnings).toEqual([])
  await worker.close()
})

test('once does not end what the same listener hears by on', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store })
  const worker = new Worker('q', () => {}, { store })
  let heard = 0
  const listener = (): number => heard++
  worker.on('completed', listener)
  worker.once('completed', listener)
  await queue.add('a', {})
  await host.idle()
  expect(heard).toBe(2)
  await queue.add('a', {})
  await host.idle()
  expect(heard).toBe(3)
  worker.off('completed', listener)
  await queue.add('a', {})
  await host.idle()
  expect(heard).toBe(3)
  await worker.close()
})

test('a map of handlers may leave one undefined', async () => {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store })
  const worker = new Worker('q', { a: () => 1, b: undefined }, { store })
  await queue.add('b', {}, { jobId: 'b' })
  await host.idle()
  expect((await queue.getJob('b'))?.failedCode).toBe('NO_HANDLER')
  await worker.close()
})
