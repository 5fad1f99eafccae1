// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'

import { meaning } from './listkeys'

const plain = { ctrlKey: false, metaKey: false, altKey: false }

describe('a key in a list', () => {
  it.each([
    ['/', 'BODY', 'search'], ['j', 'BODY', 'down'], ['k', 'TR', 'up'], ['Enter', 'BODY', 'open'], ['x', 'BODY', ''],
    ['j', 'INPUT', ''], ['/', 'TEXTAREA', ''], ['Enter', 'BUTTON', ''], ['Enter', 'A', ''], ['j', 'BUTTON', 'down'],
  ])('%s on %s', (key, on, want) => expect(meaning({ ...plain, key }, on, false)).toBe(want))
  it('is left to the browser with a modifier, and to a dialog', () => {
    expect(meaning({ ...plain, ctrlKey: true, key: 'j' }, 'BODY', false)).toBe('')
    expect(meaning({ ...plain, key: 'j' }, 'DIV', true)).toBe('')
  })
})
