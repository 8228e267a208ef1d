/** Those that are not plain letters; `filled` is what it says then. */
export const bootSectorKeys = { watchdog: '\x17', fill: '\x06', filled: '!' } as const

/**
 * A guest in 512 bytes, ready in a second under TCG: says HELLO on its serial console, echoes what it is sent, powers itself off
 * at 'q', crashes (pvpanic) at 'c', lets its watchdog (i6300esb) run out at ^W, fills 6 MiB of its memory at ^F, and heeds the power
 * button when told to. Real mode, idle between timer ticks.
 * Ports: 0x3f8 the UART; 0x600 ACPI's PM1 block, where SeaBIOS puts it on q35; 0x505 pvpanic; 0xcf8 and 0xcfc PCI configuration.
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
  const dword = (value: number) => [0, 8, 16, 24].map(shift => (value >>> shift) & 0xff)
  const toEax = (value: number) => emit(0x66, 0xb8, ...dword(value))
  /** To the device's register, whose address is in EBX: what is in AX, or in AL. */
  const toPci = (register: number, value: number, bytes: 1 | 2) => {
    emit(0x66, 0x89, 0xd8, 0x0c, register)
    toDx(0xcf8)
    emit(0x66, outWord)
    toDx(0xcfc)
    toAx(value)
    emit(bytes === 2 ? outWord : outByte)
  }

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
  emit(0x3c, bootSectorKeys.watchdog.charCodeAt(0))
  jump(0x74, 'watchdog')
  emit(0x3c, bootSectorKeys.fill.charCodeAt(0))
  jump(0x74, 'memory')
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

  // From 1 MiB on, with what is not zero, by 32-bit addresses: an emulated processor knows no segments' ends.
  label('memory')
  emit(0x31, 0xc0, 0x8e, 0xc0)
  emit(0x66, 0xbf, ...dword(0x10_0000), 0x66, 0xb9, ...dword(0x18_0000))
  toEax(0x5a5a5a5a)
  emit(0xf3, 0x67, 0x66, 0xab)
  toDx(0x3f8)
  emit(0xb0, bootSectorKeys.filled.charCodeAt(0), outByte)
  jump(0xeb, 'wait')

  // Asks every function of every bus what it is, until one says i6300esb. Then: by the faster clock (one second, and one more), and go.
  label('watchdog')
  toEax(0x8000_0000)
  label('ask')
  toDx(0xcf8)
  emit(0x66, outWord, 0x66, 0x89, 0xc3)
  toDx(0xcfc)
  emit(0x66, inWord, 0x66, 0x3d, ...dword(0x25ab_8086))
  jump(0x74, 'found')
  emit(0x66, 0x89, 0xd8, 0x66, 0x05, ...dword(0x100), 0x66, 0x3d, ...dword(0x8100_0000))
  jump(0x72, 'ask')
  jump(0xeb, 'again')
  label('found')
  toPci(0x60, 0x04, 2)
  toPci(0x68, 0x02, 1)
  label('again')
  emit(0xe9, 0, 0)
  const back_at = code.length - 2
  for (const { at, to } of jumps) {
    const by = (labels.get(to) ?? 0) - at - 1
    if (by < -128 || by > 127) throw new Error(`${to} is too far away for a short jump`)
    code[at] = by & 0xff
  }
  const back = ((labels.get('wait') ?? 0) - back_at - 2) & 0xffff
  code[back_at] = back & 0xff
  code[back_at + 1] = back >> 8

  const sector = Buffer.alloc(512)
  Buffer.from(code).copy(sector)
  sector.writeUInt16LE(0x7c00 + code.length, message_at)
  sector.write('HELLO\r\n\0', code.length, 'latin1')
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}
