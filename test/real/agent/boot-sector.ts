/**
 * A guest in 512 bytes, ready in a second under TCG: says HELLO on its serial console, echoes what it is sent, powers itself off
 * at 'q', crashes (pvpanic) at 'c', and heeds the power button when told to. Real mode, idle between timer ticks.
 * Ports: 0x3f8 the UART; 0x600 ACPI's PM1 block, where SeaBIOS puts it on q35; 0x505 pvpanic.
 */
export function bootSector(options: { heedsPowerButton: boolean }): Buffer {
  const code: number[] = []
  const labels = new Map<string, number>()
  const jumps: { at: number; to: string }[] = []
  const emit = (...bytes: number[]) => void code.push(...bytes)
  const label = (name: string) => void labels.set(name, code.length)
  const jump = (opcode: number, to: string) => {
    emit(opcode, 0)
    jumps.push({ at: code.length - 1, to })
  }
  const outByte = 0xee
  const outWord = 0xef
  const inByte = 0xec
  const inWord = 0xed
  const toDx = (port: number) => emit(0xba, port & 0xff, port >> 8)
  const toAx = (value: number) => emit(0xb8, value & 0xff, value >> 8)

  emit(0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xfc, 0xfb)
  emit(0xbe, 0, 0)
  const message_at = code.length - 2
  label('print')
  emit(0xac, 0x84, 0xc0)
  jump(0x74, 'enable')
  toDx(0x3f8)
  emit(outByte)
  jump(0xeb, 'print')
  label('enable')
  toDx(0x602)
  toAx(options.heedsPowerButton ? 0x100 : 0)
  emit(outWord)
  label('wait')
  emit(0xf4)
  toDx(0x600)
  emit(inWord, 0xf6, 0xc4, 0x01)
  jump(0x75, 'off')
  toDx(0x3fd)
  emit(inByte, 0xa8, 0x01)
  jump(0x74, 'wait')
  toDx(0x3f8)
  emit(inByte, 0x3c, 'q'.charCodeAt(0))
  jump(0x74, 'off')
  emit(0x3c, 'c'.charCodeAt(0))
  jump(0x74, 'crash')
  emit(outByte)
  jump(0xeb, 'wait')
  label('off')
  toDx(0x604)
  toAx(0x2000)
  emit(outWord)
  jump(0xeb, 'wait')
  label('crash')
  toDx(0x505)
  emit(0xb0, 0x01, outByte)
  jump(0xeb, 'wait')
  for (const { at, to } of jumps) code[at] = ((labels.get(to) ?? 0) - at - 1) & 0xff

  const sector = Buffer.alloc(512)
  Buffer.from(code).copy(sector)
  sector.writeUInt16LE(0x7c00 + code.length, message_at)
  sector.write('HELLO\r\n\0', code.length, 'latin1')
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}
