/** Jobs that call other services: what is worth another attempt, when that comes, and small retries within one attempt. */
import { Queue, Worker, retry, retryHttp } from 'holdfast'
import { memoryStore } from 'holdfast/memory'

/** An error that says its status and headers, as those of most HTTP clients do. */
class HttpError extends Error {
  readonly response: Response
  constructor(response: Response) {
    super(`${response.status} ${response.statusText}`)
    this.response = response
  }
}

/** Stands for services elsewhere: one that is busy at first, one that never was there, one whose line drops at times. */
const calls = new Map<string, number>()
function answer(path: string): Response {
  const call = (calls.get(path) ?? 0) + 1
  calls.set(path, call)
  if (path === '/nowhere') return new Response('', { status: 404, statusText: 'Not Found' })
  if (path === '/busy' && call === 1)
    return new Response('', { status: 429, statusText: 'Too Many Requests', headers: { 'Retry-After': '1' } })
  if (path === '/shaky' && call < 3) throw new Error('socket hang up')
  return new Response('', { status: 200 })
}

async function get(path: string): Promise<number> {
  const response = answer(path)
  if (!response.ok) throw new HttpError(response)
  return response.status
}

await using store = memoryStore()
await using queue = new Queue<{ path: string }>('calls', {
  store,
  defaultJobOptions: { attempts: 3, backoff: { type: 'exponential', delay: 100 } },
})
await using worker = new Worker<{ path: string }>(
  'calls',
  async (job, { signal }) =>
    // A line that drops is tried again at once, within the attempt; what a server says is left to the worker.
    retry(() => get(job.data.path), 20, { signal, retryIf: (error) => !(error instanceof HttpError) }),
  { store, concurrency: 3, retryIf: retryHttp },
)

const ended = new Promise<void>((resolve) => {
  let left = 3
  const one = (): void => {
    if (--left === 0) resolve()
  }
  worker.on('completed', ({ data, attemptsMade }, result) => {
    console.log(`${data.path}: ${result} at attempt ${attemptsMade}, call ${calls.get(data.path)}`)
    one()
  })
  worker.on('failed', (job, error) => {
    if (job === undefined) return
    const { path } = job.data
    console.log(`${path}: ${error.message}, ${job.failedCode ?? 'will be tried again when the server said'}`)
    if (job.failedCode !== undefined) one()
  })
})
await queue.addBulk(['/busy', '/nowhere', '/shaky'].map((path) => ({ name: 'get', data: { path } })))
await ended
