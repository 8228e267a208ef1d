/** A tab that a plug-in adds to the page of a thing. */
import type { ComponentType } from 'react'
import type { Plugin } from '../../api/plugin.ts'
import type { Item } from '../noun/definition.ts'
import { PluginFrame } from './frame.tsx'
import { textOf } from './list.ts'

export function tabOf(plugin: Plugin, noun: string, id: string): ComponentType<{ item: Item }> {
  const tab = plugin.tabs.find(one => one.noun === noun && one.id === id)
  if (!tab) throw new Error(`The plug-in ${plugin.id} has no tab ${id}.`)
  return function PluginTab({ item }) {
    return <PluginFrame plugin={plugin} page={tab.page} title={textOf(tab.title)} noun={noun} item={item} />
  }
}
