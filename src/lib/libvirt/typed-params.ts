/**
 * libvirt's typed parameters: named values of seven types, used for statistics and for settings (virTypedParameter).
 */
import { XdrError, type XdrReader, type XdrWriter } from './xdr.ts'

/** Values by name. 64-bit numbers come as the nearest JavaScript number: exact up to 2^53. */
export type TypedValues = Record<string, number | string | boolean>

export type TypedParam =
  | { field: string; type: 'int' | 'uint' | 'double'; value: number }
  | { field: string; type: 'llong' | 'ullong'; value: number | bigint }
  | { field: string; type: 'boolean'; value: boolean }
  | { field: string; type: 'string'; value: string }

const typeNumber = { int: 1, uint: 2, llong: 3, ullong: 4, double: 5, boolean: 6, string: 7 }

export function writeTypedParams(writer: XdrWriter, params: readonly TypedParam[]): void {
  writer.array(params, param => {
    writer.string(param.field).i32(typeNumber[param.type])
    switch (param.type) {
      case 'int':
        return writer.i32(param.value)
      case 'uint':
        return writer.u32(param.value)
      case 'llong':
        return writer.i64(param.value)
      case 'ullong':
        return writer.u64(param.value)
      case 'double':
        return writer.double(param.value)
      case 'boolean':
        return writer.boolean(param.value)
      case 'string':
        return writer.string(param.value)
      default:
        return param satisfies never
    }
  })
}

/** A field that comes several times (a list of strings, say) keeps its last value. */
export function readTypedParams(reader: XdrReader, count_max: number): TypedValues {
  return Object.fromEntries(reader.array(count_max, () => [reader.string(), readValue(reader)]))
}

function readValue(reader: XdrReader): number | string | boolean {
  const type = reader.i32()
  switch (type) {
    case typeNumber.int:
      return reader.i32()
    case typeNumber.uint:
      return reader.u32()
    case typeNumber.llong:
      return Number(reader.i64())
    case typeNumber.ullong:
      return Number(reader.u64())
    case typeNumber.double:
      return reader.double()
    case typeNumber.boolean:
      return reader.i32() !== 0
    case typeNumber.string:
      return reader.string()
    default:
      throw new XdrError(`a typed parameter cannot have type ${type}`)
  }
}
