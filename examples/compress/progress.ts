/** What the demo shows: a bar where somebody watches, a line each second where a file does, and the summary. */
import type { JobCounts, Queue } from 'holdfast'
import type { Jobs } from './main.ts'

const BAR_WIDTH = 30
const PAGE = 1000
const FAILURES_SHOWN = 10

export class Progress {
  /** Jobs completed since this start. */
  done = 0
  readonly began = performance.now()
  #shownAt = 0

  /** Shows the counts, unless it did so a moment ago. */
  show({ waiting, delayed, active, completed, failed }: JobCounts): void {
    const now = performance.now()
    if (now - this.#shownAt < (process.stdout.isTTY ? 100 : 1000)) return
    this.#shownAt = now
    const all = waiting + delayed + active + completed + failed
    const rest = `${active} active, ${waiting} waiting, ${delayed} delayed, ${failed} failed`
    if (!process.stdout.isTTY) return console.log(`${completed} of ${all} done, ${rest}`)
    const share = all === 0 ? 0 : (completed + failed) / all
    const bar = '#'.repeat(Math.round(share * BAR_WIDTH)).padEnd(BAR_WIDTH, '.')
    process.stdout.write(`\r\x1b[K[${bar}] ${completed}/${all}  ${rest}`)
  }

  /** A line of its own, above the bar. */
  say(text: string): void {
    this.end()
    console.log(text)
  }

  /** Takes the bar away. */
  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\r\x1b[K')
  }
}

/** What has become of all jobs, those of earlier starts included. */
export async function summarise(queue: Queue<Jobs>, { done, began }: Progress): Promise<void> {
  const total = { files: 0, bytesIn: 0, bytesOut: 0, retries: 0, stalls: 0 }
  for (let at = 0; ; at += PAGE) {
    const jobs = await queue.getJobs(['completed', 'failed'], at, at + PAGE - 1, true)
    for (const { returnvalue, attemptsMade, stalledCounter } of jobs) {
      total.files += Number(returnvalue !== undefined)
      total.bytesIn += returnvalue?.bytesIn ?? 0
      total.bytesOut += returnvalue?.bytesOut ?? 0
      total.retries += Math.max(0, attemptsMade - 1)
      total.stalls += stalledCounter
    }
    if (jobs.length < PAGE) break
  }
  const seconds = (performance.now() - began) / 1000
  console.log(`files     ${total.files}`)
  console.log(`bytes     ${megabytes(total.bytesIn)} -> ${megabytes(total.bytesOut)}`)
  console.log(`retries   ${total.retries}`)
  console.log(`stalls    ${total.stalls}`)
  const rate = Math.round(done / seconds)
  if (done > 0) console.log(`this time ${done} files in ${seconds.toFixed(1)} s, ${rate} jobs per second`)
  await showFailures(queue)
}

async function showFailures(queue: Queue<Jobs>): Promise<void> {
  const { failed } = await queue.getJobCounts('failed')
  if (failed === 0) return
  console.log(`failed    ${failed}`)
  for (const { failedReason } of await queue.getJobs('failed', 0, FAILURES_SHOWN - 1))
    console.log(`  ${failedReason}`)
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
