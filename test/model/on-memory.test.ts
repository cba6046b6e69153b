/** The model test on memory; a file for each store, so that they run beside each other. */
import { describe } from 'vitest'
import { testModel } from './floors.ts'
import { memoryDisk } from './harness.ts'

describe('on memory', () => testModel(memoryDisk, 700, 1))
