/** Takes itself elsewhere, with what it knows in the address. The listener's address comes by a message from the test. */
import { connect } from '/plugins/api.js'

await connect()
addEventListener('leave', ({ detail }) => {
  location.href = detail
})
