/**
 * Runs a program's listeners: one that throws has a bug that must be seen (it becomes an uncaught exception), but it must
 * not stop the reading of what follows, nor be taken for a fault of the connection.
 */
export function runListeners(emit: () => void): void {
  try {
    emit()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
