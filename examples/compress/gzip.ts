/** The work itself: one file compressed into another. It knows nothing of jobs. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Place } from './files.ts'

export interface Compressed {
  /** Of the file as it was read. */
  sha256: string
  bytesIn: number
  bytesOut: number
}

/** Whoever looks at the output sees it whole or not at all: it is written beside it, synced, and renamed. */
export async function compress({ file, output }: Place, signal: AbortSignal): Promise<Compressed> {
  const temporary = `${output}.part`
  const hash = createHash('sha256')
  let bytesIn = 0
  await mkdir(dirname(output), { recursive: true })
  try {
    await pipeline(
      createReadStream(file),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk)
          bytesIn += chunk.length
          yield chunk
        }
      },
      createGzip(),
      createWriteStream(temporary, { flush: true }),
      { signal },
    )
    await rename(temporary, output)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  return { sha256: hash.digest('hex'), bytesIn, bytesOut: (await stat(output)).size }
}
