/** What a person types is the moment that clocks in the chosen zone show. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { momentOf, zoneName } from '../../../src/ui/text/time-zone.ts'

const at = (text: string, zone: string) => new Date(momentOf(text, zone)).toISOString()

test('a time without a zone is one of the zone that times are shown in', () => {
  assert.equal(at('2026-11-21T14:30', 'utc'), '2026-11-21T14:30:00.000Z')
  assert.equal(at('2026-11-21T14:30', 'Asia/Tokyo'), '2026-11-21T05:30:00.000Z')
  assert.equal(at('2026-11-21T14:30', 'Asia/Kolkata'), '2026-11-21T09:00:00.000Z')
  assert.equal(at('2026-07-01T00:15', 'America/New_York'), '2026-07-01T04:15:00.000Z')
})

test('around the change of clocks it is the zone’s offset at that moment that counts', () => {
  assert.equal(at('2026-03-29T01:30', 'Europe/Berlin'), '2026-03-29T00:30:00.000Z')
  assert.equal(at('2026-03-29T03:30', 'Europe/Berlin'), '2026-03-29T01:30:00.000Z')
  assert.equal(at('2026-10-25T04:00', 'Europe/Berlin'), '2026-10-25T03:00:00.000Z')
})

test('what says its zone keeps it, and what is no time is none', () => {
  assert.equal(at('2026-11-21T14:30:00Z', 'Asia/Tokyo'), '2026-11-21T14:30:00.000Z')
  assert.equal(at('2026-11-21T14:30:00+02:00', 'utc'), '2026-11-21T12:30:00.000Z')
  assert.ok(Number.isNaN(momentOf('yesterday', 'Asia/Tokyo')))
})

test('a zone that this browser does not know is the browser’s own', () => {
  assert.equal(zoneName('Mars/Olympus'), undefined)
  assert.equal(zoneName('local'), undefined)
  assert.equal(zoneName('utc'), 'UTC')
  assert.equal(zoneName('Europe/Berlin'), 'Europe/Berlin')
})
