/** Queues that keep nothing: functions called with at most so many at once. No ids, no retries, no copy of the data. */
import { perSecond } from '../raw.ts'
import { data } from '../subject.ts'
import { load } from './installed.ts'

interface Fastq {
  default: {
    promise(
      worker: (task: unknown) => Promise<void>,
      concurrency: number,
    ): { push(task: unknown): Promise<void>; drained(): Promise<void> }
  }
}

interface PQueue {
  default: new (options: {
    concurrency: number
  }) => {
    add(task: () => Promise<void>): Promise<void>
    onIdle(): Promise<void>
  }
}

/** Calls per second from the first `push` to the last end. */
export async function fastqRate(calls: number, concurrency: number): Promise<number> {
  const { default: fastq } = await load<Fastq>('fastq')
  const queue = fastq.promise(async () => undefined, concurrency)
  const began = performance.now()
  for (let n = 0; n < calls; n++) void queue.push(data)
  await queue.drained()
  return perSecond(calls, began)
}

/** Calls per second from the first `add` to the last end. */
export async function pQueueRate(calls: number, concurrency: number): Promise<number> {
  const { default: PQueue } = await load<PQueue>('p-queue')
  const queue = new PQueue({ concurrency })
  const began = performance.now()
  for (let n = 0; n < calls; n++) void queue.add(async () => undefined)
  await queue.onIdle()
  return perSecond(calls, began)
}
