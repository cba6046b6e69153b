/** Days of a pattern that runs every five minutes, on a virtual clock: how many jobs that makes. */
import { Queue, Worker } from 'holdfast'
import { memoryStore } from 'holdfast/memory'
import { virtualHost } from 'holdfast/testing'

const DAY = 24 * 3_600_000

/** Jobs that ran in so many days, and the slots there were. */
export async function daysOfFiveMinutes(
  days: number,
): Promise<{ ran: number; slots: number; missed: number }> {
  const host = virtualHost()
  const store = memoryStore({ host })
  const queue = new Queue('q', { store })
  const ran = new Set<string>()
  const worker = new Worker('q', async (job) => void ran.add(job.id), { store })
  await queue.upsertJobScheduler('five', { pattern: '*/5 * * * *', tz: 'Europe/Berlin', missed: 'skip' })
  for (let day = 0; day < days; day++) await host.advance(DAY)
  const { missedCount, iterationCount } = (await queue.getJobScheduler('five'))!
  await worker.close()
  await store.close()
  return { ran: ran.size, slots: iterationCount, missed: missedCount }
}
