/** What is asked of one running guest on one host: its consoles, then its agent. In this order: the consoles' tests start it anew at their end. */
import './hello/console.ts'
import './hello/guest-agent.ts'
