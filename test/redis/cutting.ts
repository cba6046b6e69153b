/**
 * One conversation of a job with the server (added, claimed, settled), with the connection cut after a given byte of it. What
 * was said before the cut may have been heard or not; the job must run once and be there once all the same.
 */
import { type HoldfastError, Queue, Worker } from '../../src/index.ts'
import { type Direction, Proxy } from './proxy.ts'
import { freshNamespace, openStore } from './stage.ts'

export interface Cut {
  readonly direction: Direction
  readonly bytes: number
}

/** Every `step`th byte of a whole conversation, either way, the first of them somewhere below `step`. */
export async function cuts(port: number, step: number, first: number): Promise<readonly Cut[]> {
  // The first one teaches the server the scripts.
  await converse(port)
  const whole = await converse(port)
  return (['up', 'down'] as const).flatMap((direction) =>
    Array.from({ length: Math.ceil((whole.passed[direction] - first) / step) }, (_, n) => ({
      direction,
      bytes: first + n * step,
    })),
  )
}

export interface Conversation {
  readonly passed: Readonly<Record<Direction, number>>
  /** What must not be. */
  readonly faults: readonly string[]
}

export async function converse(port: number, cut?: Cut): Promise<Conversation> {
  await using proxy = await Proxy.to(port)
  if (cut !== undefined) proxy.cutAfter(cut.direction, cut.bytes)
  const namespace = freshNamespace()
  const faults: string[] = []
  let runs = 0
  {
    await using opened = openStore(proxy.port, namespace)
    const { store } = opened
    await addUntilAcknowledged(new Queue('talk', { store }), faults)
    const worker = new Worker('talk', async () => void runs++, { store })
    await new Promise<void>((resolve) => worker.on('completed', () => resolve()))
    await worker.close()
  }
  await using direct = openStore(port, namespace)
  const queue = new Queue('talk', { store: direct.store })
  const job = await queue.getJob('one')
  if (runs !== 1) faults.push(`it ran ${runs} times`)
  if (job?.attemptsMade !== 1 || job.stalledCounter !== 0)
    faults.push(`attempts made ${job?.attemptsMade}, stalls ${job?.stalledCounter}`)
  const counts = await queue.getJobCounts()
  if (counts.completed !== 1 || (await queue.count()) + counts.active + counts.failed !== 0)
    faults.push(`there is ${JSON.stringify(counts)}`)
  faults.push(...(await queue.verify()).problems)
  await removeNamespace(direct.client, namespace)
  return { passed: { ...proxy.passed }, faults }
}

/** What was refused for certain must not be there; what may have been done is asked for again, under its id. */
async function addUntilAcknowledged(queue: Queue, faults: string[]): Promise<void> {
  for (;;) {
    try {
      await queue.add('word', { some: 'data' }, { jobId: 'one' })
      return
    } catch (error) {
      const isThere = (await queue.getJob('one').catch(() => undefined)) !== undefined
      if ((error as HoldfastError).outcome === 'failed' && isThere)
        faults.push(`it was refused and is there: ${(error as Error).message}`)
    }
  }
}

async function removeNamespace(
  client: { scanStream(options: object): AsyncIterable<string[]>; unlink(...keys: string[]): unknown },
  namespace: string,
): Promise<void> {
  for await (const keys of client.scanStream({ match: `*{${namespace}}*`, count: 1000 }))
    if (keys.length > 0) await client.unlink(...keys)
}
