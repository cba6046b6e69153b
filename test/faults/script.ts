/**
 * A fixed script that passes through every path of what has landed, under a plan of faults. It is made of scenes, each of which can
 * be played alone. A feature that lands adds its commands here, and what must come of them in `judge.ts`.
 */
import { Queue, UnrecoverableError, Worker } from 'holdfast'
import type { Job } from '../../src/job.ts'
import type { JobContext } from '../../src/loops/attempt.ts'
import type { FaultStore } from './fault-store.ts'
import { LETTERS, QUEUE, Setting } from './setting.ts'
import { count } from './witness.ts'

export const LEASE_MS = 10_000
export const MAX_STALLS = 1
/** Above what fits into a head, so that data and result have records of their own. */
const LONG_TEXT = 'ü'.repeat(2000)
const INSIST_TRIES = 6

/** What a job is given, and what it gives. */
export const dataOf = (id: string): unknown => (id === 'big' ? { id, text: LONG_TEXT } : { id })
export const resultOf = (id: string): unknown => (id === 'big' ? { done: id, text: LONG_TEXT } : { done: id })

/** A part of the script that stands alone. */
export const SCENES = ['run', 'hold', 'end', 'evict', 'reopen'] as const
export type Scene = (typeof SCENES)[number]

export class Script extends Setting {
  worker!: Worker
  /** Whether `evicted` was removed before its handler was done. */
  evictedInTime = false
  /** Jobs of which a cancel said that it had them. */
  readonly cancelled = new Set<string>()
  /** What `broken` and `lettered` need to succeed. */
  #mended = false

  /** All but the last command. A worker comes once there are jobs for it, or before. */
  async play(scenes: readonly Scene[]): Promise<void> {
    if (scenes.includes('run')) await this.#addAndRun()
    else this.#work()
    if (scenes.includes('hold')) {
      await this.#pauseAndRemove()
      await this.#failAndRetry()
    }
    if (scenes.includes('end')) {
      await this.#cancel()
      await this.#expire()
      await this.#sendBack()
    }
    if (scenes.includes('evict')) {
      await this.#evict()
      await this.#stall('victim')
      await this.#untilFinal('victim')
    }
    if (scenes.includes('reopen')) await this.#closeAndOpen()
  }

  /** The last command: the newest two finished jobs are kept. */
  async retain(): Promise<void> {
    await this.pass(1)
    await this.#add('last', { removeOnComplete: 2 })
    await this.until('retention', () => this.keysIn('done').length <= 2)
  }

  /** Jobs that complete: at once, after a wait, on the second try, and while they speak of themselves. */
  async #addAndRun(): Promise<void> {
    await this.#add('plain')
    const bulk = [
      this.#job('big'),
      this.#job('plain'),
      this.#job('later', { delay: 300 }),
      this.#job('vanishing', { removeOnComplete: true }),
    ]
    const ids = bulk.map(({ opts }) => opts.jobId).filter((id) => id !== 'plain')
    if (await this.call('addBulk', ids, () => this.queue.addBulk(bulk)))
      for (const id of ids) this.witness.acknowledged.add(id)
    this.#work()
    await this.#untilFinal('later')
    await this.#add('flaky', { attempts: 3, backoff: 200 })
    await this.#untilFinal('flaky')
    await this.#add('chatty')
    await this.#untilFinal('chatty')
  }

  /** A pause during which nothing begins, and a job that is removed before it runs. */
  async #pauseAndRemove(): Promise<void> {
    await this.call('pause', [], () => this.queue.pause())
    await this.#add('held')
    await this.pass(100)
    this.witness.must(!this.began('held'), 'held began while the queue was paused')
    await this.call('resume', [], () => this.queue.resume())
    await this.#untilFinal('held')
    await this.#add('unwanted', { delay: 30_000 })
    this.witness.removed.add('unwanted')
    await this.call('remove', ['unwanted'], () => this.queue.remove('unwanted'))
  }

  /** A job that fails for good and is put back in line, and one whose lease has to be renewed. */
  async #failAndRetry(): Promise<void> {
    await this.#add('broken')
    await this.#untilFinal('broken')
    this.#mended = true
    await this.call('retry', ['broken'], async () => {
      const job = await this.queue.getJob('broken')
      // An earlier try whose answer was lost may have had it run by now; another would run it once more.
      if (job?.failedCode !== undefined) await job.retry({ resetAttempts: true })
    })
    await this.#untilFinal('broken')
    await this.#add('long')
    await this.#untilBegun('long')
    await this.call('log', ['long'], async () => (await this.queue.getJob('long'))?.log('from outside'))
    await this.#untilFinal('long')
  }

  /** A job that is cancelled before it runs, and one while it does. */
  async #cancel(): Promise<void> {
    await this.#add('unwished', { delay: 30_000 })
    await this.#add('stopped')
    await this.#untilBegun('stopped')
    for (const id of ['unwished', 'stopped'])
      await this.call('cancel', [id], async () => {
        if (await this.queue.cancel(id, 'no longer wished for')) this.cancelled.add(id)
      })
    await this.#untilFinal('stopped')
  }

  /** A job that has no chance to begin in its time. */
  async #expire(): Promise<void> {
    await this.call('pause', [], () => this.queue.pause())
    await this.#add('expired', { ttl: 300 })
    await this.pass(1000)
    await this.call('resume', [], () => this.queue.resume())
    await this.#untilFinal('expired')
  }

  /** A job that fails into the dead letters, and is sent back when it has a chance. */
  async #sendBack(): Promise<void> {
    this.#mended = false
    await this.#add('lettered', { deadLetter: LETTERS })
    await this.until('the letter of lettered', () => this.keysIn('ready', LETTERS).length > 0)
    this.#mended = true
    const letters = new Queue(LETTERS, { store: this.store })
    await this.call('redrive', ['lettered'], () => letters.redrive())
    await this.#untilFinal('lettered')
  }

  /** A job that is removed while it runs. */
  async #evict(): Promise<void> {
    await this.#add('evicted')
    await this.#untilBegun('evicted')
    this.witness.removed.add('evicted')
    await this.call('remove by force', ['evicted'], () => this.queue.remove('evicted', { force: true }))
    this.evictedInTime = !this.witness.finished.has('evicted') && !this.comesLate
    await this.pass(4000)
  }

  /** Another process takes a job and dies. */
  async #stall(id: string): Promise<void> {
    void this.worker.pause(true)
    const store = this.process()
    const frail = new Worker(QUEUE, (job, { fence, signal }) => this.#never(job, fence, signal, store), {
      store,
      name: 'frail',
      lockDuration: LEASE_MS,
      maxStalledCount: MAX_STALLS,
    })
    frail.on('error', (error) => void this.witness.rejected('the frail worker', error))
    await this.#add(id)
    await this.#untilBegun(id)
    store.die()
    this.worker.resume()
  }

  /** A worker that closes while a job runs, a process that dies with another, and a new opening of the store. */
  async #closeAndOpen(): Promise<void> {
    await this.#add('slow')
    await this.#untilBegun('slow')
    await this.#stall('orphan')
    await this.passing(this.worker.close({ timeout: 100 }))
    await this.inner.close()
    await this.open()
    this.#work()
    await this.#untilFinal('slow')
    await this.#untilFinal('orphan')
  }

  #untilFinal(id: string): Promise<void> {
    return this.until(`the end of ${id}`, () => this.isFinal(id))
  }

  #untilBegun(id: string): Promise<void> {
    return this.until(`the beginning of ${id}`, () => this.began(id))
  }

  #work(): void {
    const { store } = this
    this.worker = new Worker(QUEUE, (job, context) => this.#handle(job, context, store), {
      store,
      name: 'w',
      concurrency: 2,
      lockDuration: LEASE_MS,
      maxStalledCount: MAX_STALLS,
    })
    const { witness } = this
    this.worker.on('completed', ({ id }) => count(witness.completed, id))
    this.worker.on('stalled', (id) => count(witness.stalled, id))
    this.worker.on('lockLost', ({ id }) => count(witness.lockLost, id))
    this.worker.on('error', (error) => void witness.rejected('the worker', error))
  }

  async #handle(job: Job, { fence, signal, attempt }: JobContext, process: FaultStore): Promise<unknown> {
    const { id } = job
    const start = this.witness.began({ id, fence, signal, process })
    try {
      const whole = JSON.stringify(job.data) === JSON.stringify(dataOf(id))
      this.witness.must(whole, `${id} was given other data`)
      if (id === 'flaky' && attempt === 1) throw new Error('the first time')
      if ((id === 'broken' || id === 'lettered') && !this.#mended) throw new UnrecoverableError('broken')
      if (id === 'chatty') await this.#chat(job)
      if (id === 'long') await this.#wait(8000, signal)
      if (id === 'slow' || id === 'stopped') await this.#wait(3000, signal)
      if (id === 'evicted') await this.#wait(3000)
      this.witness.finished.add(id)
      return resultOf(id)
    } finally {
      start.ended = true
    }
  }

  #never(job: Job, fence: number, signal: AbortSignal, process: FaultStore): Promise<void> {
    this.witness.began({ id: job.id, fence, signal, process })
    return new Promise(() => {})
  }

  async #chat(job: Job): Promise<void> {
    await this.#insist(() => job.updateProgress('half'))
    await this.#insist(() => job.log('one'))
    await this.#insist(() => job.log('two'))
    await this.#insist(() => job.log('three'))
    await this.#wait(1000)
    await this.#insist(() => job.updateProgress('all'))
  }

  /** What a sensible handler does whose store fails: tries again while its lease lives. */
  async #insist(act: () => Promise<unknown>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await act()
        return
      } catch (error) {
        const { code } = this.witness.rejected('a handler', error) ?? {}
        if (tries === INSIST_TRIES || code?.startsWith('STORE_') !== true) throw error
        await this.#wait(20)
      }
    }
  }

  #wait(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.host.timer(ms, resolve)
      signal?.addEventListener('abort', () => {
        cancel()
        reject(new Error('interrupted'))
      })
    })
  }

  #job(id: string, options = {}) {
    this.witness.asked.add(id)
    return { name: 'n', data: dataOf(id), opts: { jobId: id, ...options } }
  }

  async #add(id: string, options = {}): Promise<void> {
    const { name, data, opts } = this.#job(id, options)
    if (await this.call('add', [id], () => this.queue.add(name, data, opts)))
      this.witness.acknowledged.add(id)
  }
}
