/** The model test on LevelDB; a file for each store, so that they run beside each other. */
import { describe } from 'vitest'
import { testModel } from './floors.ts'
import { levelDisk } from './harness.ts'

describe('on LevelDB', () => testModel(levelDisk, 200, 0.15))
